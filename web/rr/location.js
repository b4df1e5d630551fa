/** LOC data (RFC 1876) between its text and decimal degrees. Pure; used by controls.js. */

/** @typedef {{latitude: string, longitude: string, altitude: string, rest: string}} Place */

/** @param {string | undefined} degrees @param {string | undefined} minutes @param {string | undefined} seconds @param {string} side */
function decimal(degrees, minutes = '0', seconds = '0', side) {
  const value = Number(degrees) + Number(minutes) / 60 + Number(seconds) / 3600;
  return String(Number(((/[SW]/i.test(side) ? -1 : 1) * value).toFixed(7)));
}

/**
 * The place that LOC text says; null: it is of another form.
 * @param {string} text Empty: nowhere yet.
 * @returns {Place | null}
 */
export function parseLocation(text) {
  if (text.trim() === '') return { latitude: '', longitude: '', altitude: '0', rest: '' };
  const angle = String.raw`(\d+)(?:\s+(\d+))?(?:\s+([\d.]+))?\s+`;
  const match = new RegExp(`^${angle}([NS])\\s+${angle}([EW])\\s+(-?[\\d.]+)m?(.*)$`, 'i').exec(text.trim());
  if (!match) return null;
  const [, a, b, c, north, d, e, f, east, altitude, rest] = match;
  return { latitude: decimal(a, b, c, north), longitude: decimal(d, e, f, east), altitude: String(Number(altitude)), rest: rest.trim() };
}

/** @param {string} text @param {string} positive @param {string} negative */
function angle(text, positive, negative) {
  const value = Number(text.replace(',', '.').replace('°', ''));
  const thousandths = Math.round(Math.abs(value) * 3_600_000);
  const [degrees, minutes] = [Math.floor(thousandths / 3_600_000), Math.floor(thousandths / 60_000) % 60];
  return `${degrees} ${minutes} ${((thousandths % 60_000) / 1000).toFixed(3)} ${value < 0 ? negative : positive}`;
}

/**
 * LOC text of a place; what is no number goes out as it is, for the server to name.
 * @param {Place} place
 * @returns {string}
 */
export function formatLocation({ latitude, longitude, altitude, rest }) {
  const isNumber = (/** @type {string} */ text) => /^-?\d+([.,]\d+)?°?$/.test(text.trim());
  if (!isNumber(latitude) || !isNumber(longitude)) return `${latitude} ${longitude}`.trim();
  const height = isNumber(altitude) ? Number(altitude.replace(',', '.')).toFixed(2) : '0.00';
  return `${angle(latitude.trim(), 'N', 'S')} ${angle(longitude.trim(), 'E', 'W')} ${height}m${rest ? ` ${rest}` : ''}`;
}
