"""One row by unspool."""

import timed

from unspool import RLM


def main():
    """Makes one engine, and runs the row over and over."""
    work = timed.work()
    rlm = RLM(
        "root",
        sub_model="sub",
        base_url=work["base_url"],
        api_key="none",
        max_depth=work["depth"],
        cache="off",  # the rows ask the same again and again: every call is to be made
    )
    context = timed.text(work["context_chars"])

    def run():
        result = rlm.run(timed.QUESTION, context)
        if not result.complete:
            raise RuntimeError(f"{result.status}: {result.error}")
        return result.answer

    timed.repeat(work["runs"], run)


if __name__ == "__main__":
    main()
