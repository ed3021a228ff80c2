"""The server that the tests of writing talk to speaks the protocol that our client expects."""

from __future__ import annotations

import openai
from openai.types.chat import ChatCompletionMessageParam

ASKED: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Count from one to ten."}]


def test_answers_whole_and_streamed_alike(model_server: str) -> None:
    with openai.OpenAI(base_url=model_server, api_key="none", max_retries=0) as client:
        assert [model.id for model in client.models.list()] == ["smollm2"]
        whole = client.chat.completions.create(model="smollm2", messages=ASKED, max_tokens=12, temperature=0)
        chunks = list(
            client.chat.completions.create(
                model="smollm2",
                messages=ASKED,
                max_tokens=12,
                temperature=0,
                stream=True,
                stream_options={"include_usage": True},
            )
        )
    streamed = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert streamed == whole.choices[0].message.content
    assert whole.usage and chunks[-1].usage
    assert whole.usage.completion_tokens == chunks[-1].usage.completion_tokens == 12
