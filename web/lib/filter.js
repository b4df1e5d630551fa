/** Offsets of errors in filters: the server counts octets, and a field characters. */

/**
 * Where in a text of UTF-16 an offset in octets of UTF-8 is.
 * @param {string} text
 * @param {number} octets
 */
export function charOffset(text, octets) {
  let seen = 0;
  let at = 0;
  for (const char of text) {
    if (seen >= octets) break;
    const point = char.codePointAt(0) ?? 0;
    seen += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    at += char.length;
  }
  return at;
}
