/**
 * What is thrown, and how text from outside is made fit to be read.
 */

/** Names of the module's codes, as docs/abi.md lists them; 0 is this package's own. */
const KINDS = {
  [-1]: "internal",
  [-2]: "bad_argument",
  [-3]: "configuration_refused",
  [-4]: "not_a_snapshot",
  [-5]: "unsupported_major",
  [-6]: "truncated",
  [-7]: "digest_mismatch",
  [-8]: "unsigned",
  [-9]: "untrusted_signer",
  [-10]: "signature_invalid",
  [-11]: "rollback",
  [-12]: "layout_invalid",
  [-13]: "overlay_without_base",
  [-14]: "too_many_layers",
  [-15]: "unknown_handle",
  [-16]: "key_refused",
  [-17]: "input_too_large",
  [-18]: "expired",
};

/** Longest message. Some quote what others wrote. */
const MOST = 1000;

/** Control characters, and those that turn the direction of text or end a line of a log. */
// eslint-disable-next-line no-control-regex
const UNFIT = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]|\p{Surrogate}/gu;

/**
 * A text with a limit and without control characters. Cut after these are written out.
 * @param {unknown} text
 * @returns {string}
 */
export function fit(text) {
  const all = asText(text);
  // No character gets shorter, so what is past the limit before is past it afterwards.
  const escaped = all
    .slice(0, MOST + 1)
    .replace(UNFIT, (unfit) => `\\u{${(unfit.codePointAt(0) ?? 0).toString(16)}}`);
  return escaped.length > MOST ? `${escaped.slice(0, MOST).replace(HALF, "")}…` : escaped;
}

/** Half of a character, or part of one that is written out, where a text was cut. */
const HALF = /(?:\\(?:u(?:\{[0-9a-f]{0,6})?)?|[\ud800-\udbff])$/;

/** @param {unknown} thrown */
function asText(thrown) {
  try {
    return String(thrown);
  } catch {
    return "something that cannot be shown";
  }
}

/** Thrown by everything here, but for a wrong use of the language. */
export class WhoseError extends Error {
  /**
   * @param {number} code
   * @param {string} message
   * @param {{ kind?: string, cause?: unknown }} [more]
   */
  constructor(code, message, more = {}) {
    super(fit(message), "cause" in more ? { cause: more.cause } : undefined);
    this.name = "WhoseError";
    this.code = code;
    this.kind = more.kind ?? KINDS[code] ?? "refused";
  }
}

/**
 * The error of a wrong argument.
 * @param {string} message
 * @param {unknown} [cause]
 */
export function badArgument(message, cause) {
  return new WhoseError(-2, message, cause === undefined ? {} : { cause });
}

/**
 * Whether the module threw it on purpose. Everything else leaves it in the middle of something, and arguments are looked at
 * before.
 * @param {unknown} thrown
 * @returns {thrown is { code: number, message: string }}
 */
export function isRefusal(thrown) {
  return (
    typeof thrown === "object" &&
    thrown !== null &&
    !(thrown instanceof Error) &&
    typeof (/** @type {any} */ (thrown).code) === "number"
  );
}

/**
 * One line about something thrown.
 * @param {unknown} thrown
 * @returns {string}
 */
export function told(thrown) {
  if (thrown instanceof WhoseError) {
    return thrown.message;
  }
  return fit(thrown instanceof Error ? `${asText(thrown.name)}: ${asText(thrown.message)}` : thrown);
}
