// What a client program is asked to do. Imports no client.
import { parseArgs } from "node:util";

const model = { type: "string", default: "auto" };
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    weather: model,
    capital: model,
    result: model,
    json: model,
    exact: { type: "boolean", default: false },
  },
});

export const asked = { url: positionals[0], ...values };
export const OVERLONG = "word ".repeat(9000);
export const WEATHER = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
};
