// The AI SDK: its default OpenAI provider, which asks Responses, chat, and its Anthropic provider.
import assert from "node:assert/strict";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { APICallError, generateText, jsonSchema, streamText, tool } from "ai";
import { asked, OVERLONG, WEATHER } from "./asked.mjs";

const openai = createOpenAI({ baseURL: `${asked.url}/v1`, apiKey: "none" });
const anthropic = createAnthropic({ baseURL: `${asked.url}/v1`, apiKey: "none" });
const tools = { get_weather: tool({ inputSchema: jsonSchema(WEATHER) }) };

for (const model of [openai, openai.chat, anthropic]) {
  const options = { maxRetries: 0, maxOutputTokens: 16 };
  const whole = await generateText({ model: model("auto"), prompt: "Hi", ...options });
  assert.ok(whole.text);
  assert.ok(whole.usage.outputTokens > 0);

  const streamed = streamText({
    model: model("auto"),
    prompt: "Hi",
    onError: ({ error }) => {
      throw error;
    },
    ...options,
  });
  let text = "";
  for await (const part of streamed.textStream) text += part;
  assert.ok(text);

  // A real model of this size calls with what is no object, which the AI SDK does not take.
  if (asked.exact) {
    const called = await generateText({
      model: model(asked.weather),
      prompt: "Hi",
      tools,
      toolChoice: "required",
      maxRetries: 0,
      maxOutputTokens: 64,
    });
    assert.deepEqual(called.toolCalls[0].input, { city: "Paris" });
  }

  await assert.rejects(
    () => generateText({ model: model("auto"), prompt: OVERLONG, ...options }),
    (error) => {
      assert.ok(APICallError.isInstance(error));
      assert.equal(error.statusCode, 400);
      assert.equal(error.isRetryable, false);
      return true;
    },
  );
}
