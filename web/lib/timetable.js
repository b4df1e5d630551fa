/**
 * The timetable of keys as lanes: one for each key, cut where it comes into another phase. No words and no elements:
 * pages/zone/dnssec/timetable.js draws it.
 */

/** @typedef {import('../api/types.js').ZoneKeyOut} Key */
/** @typedef {import('../api/types.js').KeyStepOut} Step */
/** @typedef {'none'|'new'|'parent'|'active'|'leaving'} Phase `new`: published, not relied on; `parent`: its DS record is asked for */
/** @typedef {{dnskey?: string, zone_signatures?: string, ds?: string}} Elements what caches may have of each part */
/** @typedef {{phase: Phase, start: number, end: number}} Piece of a lane; 0 is where the drawing begins, 1 where it ends */
/** @typedef {{id: string, tag: number|null, number: number|null, role: 'ksk'|'zsk'|'csk', algorithm: string, pieces: Piece[]}} Lane */
/** @typedef {{at: number, position: number, steps: Step[]}} Mark a moment at which something happens */
/** @typedef {{lanes: Lane[], marks: Mark[], now: number, hidden: number}} Timetable `hidden`: later moments that are left out */

const HOUR_MS = 3_600_000;
/** Moments of a drawing, at the most. */
const MOST = 12;
/** The room of what was before, and of what comes behind the last moment, in that of a short gap. */
const MARGIN = 1.5;

/** @param {string|undefined} visibility */
const isOut = (visibility) => visibility === 'rumoured' || visibility === 'omnipresent';

/**
 * What a key is to resolvers.
 * @param {string} role @param {Elements} elements @param {boolean} [leaves] it has begun to go
 * @returns {Phase}
 */
export function phaseOf(role, elements, leaves = false) {
  const { dnskey, zone_signatures: signatures, ds } = elements;
  const parts = [dnskey, signatures, ds];
  if (parts.includes('unretentive')) return 'leaving';
  if (!parts.some(isOut)) return 'none';
  if (leaves) return 'leaving';
  if (role === 'zsk') return isOut(dnskey) && isOut(signatures) ? 'active' : 'new';
  if (ds === 'omnipresent') return 'active';
  return ds === 'rumoured' ? 'parent' : 'new';
}

/** What caches may have of a key now. @param {Key} key @returns {Elements} */
export const elementsOf = ({ elements }) => ({ dnskey: elements.dnskey.visibility, zone_signatures: elements.zone_signatures?.visibility, ds: elements.ds?.visibility });

/** Whether a key has begun to go. @param {Key} key */
export const isLeaving = ({ state }) => ['retired', 'dead', 'removed'].includes(state);

/** Steps by their moments. @param {Step[]} steps @returns {{at: number, steps: Step[]}[]} */
export function momentsOf(steps) {
  const moments = /** @type {{at: number, steps: Step[]}[]} */ ([]);
  for (const step of steps) {
    const last = moments.at(-1);
    if (last?.at === step.at_ms) last.steps.push(step);
    else moments.push({ at: step.at_ms, steps: [step] });
  }
  return moments;
}

/** How much room a gap has: long ones more, but not as much more as they are longer. @param {number} gap milliseconds */
const room = (gap) => (gap <= 0 ? 0 : 1 + Math.log2(1 + gap / HOUR_MS) / 3);

/** @param {{role: Lane['role'], elements: Elements, leaves: boolean}} course */
const settled = ({ role, elements, leaves }) => ['none', 'active'].includes(phaseOf(role, elements, leaves));

/**
 * The lanes of keys as they are, and as steps change them.
 * @param {Key[]} keys @param {Step[]} steps in order @param {number} from when the steps begin: now
 * @param {{whole?: boolean}} [options] `whole`: not only until the first time at which nothing is under way
 * @returns {Timetable}
 */
export function timetable(keys, steps, from, { whole = false } = {}) {
  /** @type {Map<string, {lane: Lane, role: Lane['role'], elements: Elements, leaves: boolean, phases: Phase[]}>} */
  const courses = new Map();
  const add = (/** @type {string} */ id, /** @type {Omit<Lane, 'pieces'|'id'>} */ key, /** @type {Elements} */ elements, /** @type {boolean} */ leaves, /** @type {number} */ before) =>
    courses.set(id, { lane: { id, ...key, pieces: [] }, role: key.role, elements, leaves, phases: Array(before).fill('none') });
  for (const key of keys) add(`tag ${key.tag}`, { tag: key.tag, number: null, role: key.role, algorithm: key.algorithm }, elementsOf(key), isLeaving(key), 0);
  for (const course of courses.values()) course.phases.push(phaseOf(course.role, course.elements, course.leaves));
  const moments = momentsOf(steps);
  let shown = 0;
  for (const moment of moments.slice(0, MOST)) {
    shown += 1;
    for (const step of moment.steps) {
      const id = step.new_key === null || step.new_key === undefined ? `tag ${step.tag}` : `new ${step.new_key}`;
      if (!courses.has(id)) add(id, { tag: step.tag ?? null, number: step.new_key ?? null, role: step.role, algorithm: step.algorithm }, {}, false, shown);
      const course = courses.get(id);
      if (!course || !step.element) continue;
      course.elements = { ...course.elements, [step.element]: step.visibility };
      course.leaves ||= step.visibility === 'unretentive';
    }
    for (const course of courses.values()) course.phases.push(phaseOf(course.role, course.elements, course.leaves));
    if (!whole && [...courses.values()].every(settled)) break;
  }
  const { positions, now } = places(moments.slice(0, shown).map(({ at }) => at), from);
  for (const { lane, phases } of courses.values()) lane.pieces = pieces(phases, [0, ...positions, 1]);
  const marks = moments.slice(0, shown).map((moment, index) => ({ ...moment, position: positions[index] ?? 1 }));
  const lanes = [...courses.values()].map(({ lane }) => lane).filter((lane) => lane.pieces.length > 0);
  return { lanes, marks, now, hidden: moments.length - shown };
}

/** Where moments stand. @param {number[]} moments @param {number} from */
function places(moments, from) {
  const rooms = moments.map((at, index) => room(at - (moments[index - 1] ?? from)));
  const all = rooms.reduce((sum, one) => sum + one, 2 * MARGIN);
  let at = MARGIN;
  const positions = rooms.map((one) => (at += one) / all);
  return { positions, now: MARGIN / all };
}

/** Equal phases side by side are one piece. @param {Phase[]} phases @param {number[]} edges @returns {Piece[]} */
function pieces(phases, edges) {
  const out = /** @type {Piece[]} */ ([]);
  phases.forEach((phase, index) => {
    const [start, end] = [edges[index] ?? 1, edges[index + 1] ?? 1];
    const last = out.at(-1);
    if (last && last.phase === phase) last.end = end;
    else if (end > start) out.push({ phase, start, end });
  });
  return out.filter(({ phase }) => phase !== 'none');
}

/** @param {Step} step @param {string} element @param {string} visibility */
const became = (step, element, visibility) => step.element === element && step.visibility === visibility;

/**
 * From when on a key of this role is of no use to anybody: without its DS record nobody believes a key-signing key; one that
 * signs the zone is believed as long as a cache has it.
 * @param {string} role @param {Step} step
 */
const isWorthless = (role, step) => became(step, role === 'ksk' ? 'ds' : 'dnskey', 'hidden');

/**
 * What matters most of a rollover: when the parent is asked, when a new key is what resolvers rely on, and from when
 * the old ones are of no use to anybody. Null: not in these steps.
 * @param {Step[]} steps @param {string} role
 */
export function turningPoints(steps, role) {
  const isNew = (/** @type {Step} */ step) => step.role === role && typeof step.new_key === 'number';
  const isOld = (/** @type {Step} */ step) => step.role === role && typeof step.tag === 'number';
  const first = (/** @type {(step: Step) => boolean} */ fits) => steps.find(fits)?.at_ms ?? null;
  const trusted = role === 'zsk' ? ['zone_signatures', 'rumoured'] : ['ds', 'omnipresent'];
  return {
    asked: first((step) => isNew(step) && became(step, 'ds', 'rumoured')),
    takesOver: first((step) => isNew(step) && became(step, trusted[0] ?? '', trusted[1] ?? '')),
    worthless: first((step) => isOld(step) && isWorthless(role, step)),
  };
}

/**
 * What matters most where a key is to go: whether a new one is made, when the parent is asked for something, from when on
 * nobody believes the key any more, and when it is gone. Null: not in these steps.
 * @param {Step[]} steps @param {{tag: number, role: string}} key
 */
export function retirement(steps, { tag, role }) {
  const first = (/** @type {(step: Step) => boolean} */ fits) => steps.find(fits)?.at_ms ?? null;
  const gone = first((step) => step.tag === tag && became(step, 'dnskey', 'hidden'));
  const until = gone ?? Infinity;
  return {
    successor: steps.some((step) => step.role === role && typeof step.new_key === 'number' && step.at_ms <= until),
    asked: role === 'zsk' ? null : first((step) => step.at_ms <= until && (became(step, 'ds', 'rumoured') || became(step, 'ds', 'unretentive'))),
    worthless: first((step) => step.tag === tag && isWorthless(role, step)),
    gone,
  };
}
