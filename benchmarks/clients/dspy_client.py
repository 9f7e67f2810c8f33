"""One row by dspy.RLM, in its LocalInterpreter.

Its child runs (`dspy.RLM` inside of a cell) ask the sub-model; with a model of its own for
sub-calls, their root turns would be taken for sub-calls. So there is one model for both.
"""

import dspy
import timed


def main():
    """Makes one engine, and runs the row over and over."""
    work = timed.work()

    def model(name):
        return dspy.LM(f"openai/{name}", api_base=work["base_url"], api_key="none", cache=False)

    dspy.configure(lm=model("root"))
    rlm = dspy.RLM(
        "context, question -> answer",
        max_llm_calls=10_000,
        sub_lm=model("sub") if work["depth"] == 1 else None,
        interpreter_factory=dspy.LocalInterpreter,
    )
    context = timed.text(work["context_chars"])
    timed.repeat(work["runs"], lambda: rlm(context=context, question=timed.QUESTION).answer)


if __name__ == "__main__":
    main()
