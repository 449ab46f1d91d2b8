// openai-node: chat and Responses.
import assert from "node:assert/strict";
import OpenAI from "openai";
import { asked, OVERLONG, WEATHER } from "./asked.mjs";

const client = new OpenAI({ baseURL: `${asked.url}/v1`, apiKey: "none", maxRetries: 0 });
const messages = [{ role: "user", content: "Hi" }];

const chat = await client.chat.completions.create({ model: "auto", messages, max_tokens: 8 });
assert.ok(chat.choices[0].message.content);

const whole = await client.responses.create({ model: "auto", input: "Hi", max_output_tokens: 8 });
assert.ok(whole.output_text);
assert.ok(whole.usage.output_tokens > 0);

const stream = client.responses.stream({ model: "auto", input: "Hi", max_output_tokens: 8 });
const kinds = [];
for await (const event of stream) kinds.push(event.type);
assert.equal(kinds.at(-1), "response.completed");
assert.ok((await stream.finalResponse()).output_text);

const called = await client.responses.create({
  model: asked.weather,
  input: "Hi",
  tools: [{ type: "function", name: "get_weather", parameters: WEATHER, strict: true }],
  tool_choice: "required",
  max_output_tokens: 64,
});
if (asked.exact) assert.deepEqual(JSON.parse(called.output[0].arguments), { city: "Paris" });

for (const call of [
  () => client.responses.create({ model: "auto", input: OVERLONG }),
  () =>
    client.chat.completions.create({
      model: "auto",
      messages: [{ role: "user", content: OVERLONG }],
    }),
]) {
  await assert.rejects(call, (error) => {
    assert.ok(error instanceof OpenAI.BadRequestError);
    assert.equal(error.code, "context_length_exceeded");
    return true;
  });
}
await assert.rejects(
  () => client.responses.create({ model: "gpt-5", input: "Hi" }),
  OpenAI.NotFoundError,
);
