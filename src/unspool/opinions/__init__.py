"""Second opinions: several runs of one question, compared by what they came to."""
