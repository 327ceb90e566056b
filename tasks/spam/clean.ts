/**
 * Turns a message as it was sent into the words that the model knows.
 *
 * @module
 */

/** A tag begins with a letter, with `/` and a letter, or with `!`, so `<3` and `5 < 6` are no tags. */
const TAG = /<(?:\/?[a-z]|!)[^<>]*>/gi;

const ENTITY = /&(?:amp|lt|gt|quot|apos|nbsp|pound|euro|#\d{1,6}|#x[\da-f]{1,5});/gi;
const ENTITIES: Readonly<Record<string, string>> = {
  "&amp;": "&",
  "&lt;": "<",
  "&gt;": ">",
  "&quot;": '"',
  "&apos;": "'",
  "&nbsp;": " ",
  "&pound;": "£",
  "&euro;": "€",
};

/** An emoticon whose mouth is a letter or a slash stands alone, or every `http://` would hold one. */
const EMOTICON = String
  .raw`[:;=][-'^]?[)(\]\[*]|(?<![\p{L}\p{N}])(?:[:;=][-'^]?[DPpOo3\\/|]|[xX]D|<3)(?![\p{L}\p{N}])`;
const EMOTICONS = new RegExp(`(${EMOTICON})`, "gu");

const WORD = new RegExp(
  String.raw`${EMOTICON}|\p{N}+|[\p{L}\p{M}']+|[!?]+|\p{Sc}|\p{Extended_Pictographic}`,
  "gu",
);
const NUMBER = /^\p{N}/u;

/**
 * Removes HTML tags, resolves entities, lowers the case and keeps emoticons as they were written.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { clean } from "./clean.ts";
 *
 * assert(clean("<b>FREE</b> entry&nbsp;:D") === "free entry :D");
 * ```
 */
export function clean(message: string): string {
  return message.replace(TAG, " ").replace(ENTITY, resolve)
    .split(EMOTICONS).map((part, index) => index % 2 === 1 ? part : part.toLowerCase()).join("")
    .replace(/\s+/g, " ").trim();
}

/**
 * The features of a message, each once: words, emoticons, runs of `!` and `?`, currency signs, numbers by their length
 * (`#11` is any telephone number), and every two neighbours as a pair.
 */
export function features(message: string): Set<string> {
  const words = (clean(message).match(WORD) ?? []).map((word) =>
    NUMBER.test(word) ? `#${word.length}` : word
  );
  const pairs = words.slice(1).map((word, index) => `${words[index]} ${word}`);
  return new Set([...words, ...pairs]);
}

function resolve(entity: string): string {
  const known = ENTITIES[entity.toLowerCase()];
  if (known !== undefined) return known;
  const hex = /^&#x/i.test(entity);
  return String.fromCodePoint(parseInt(entity.slice(hex ? 3 : 2), hex ? 16 : 10));
}
