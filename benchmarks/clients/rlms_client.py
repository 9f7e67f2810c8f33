"""One row by rlms, the authors' own engine, with its defaults and a sub-model."""

import timed
from rlm import RLM


def main():
    """Makes one engine, and runs the row over and over."""
    work = timed.work()

    def model(name):
        return {"model_name": name, "base_url": work["base_url"], "api_key": "none"}

    rlm = RLM(
        backend="openai",
        backend_kwargs=model("root"),
        other_backends=["openai"],
        other_backend_kwargs=[model("sub")],
        max_depth=work["depth"],
        verbose=False,
    )
    context = timed.text(work["context_chars"])
    timed.repeat(work["runs"], lambda: rlm.completion(context, root_prompt=timed.QUESTION).response)


if __name__ == "__main__":
    main()
