// As much of DNS as tests need: questions and answers over UDP. Used by the fake upstream, the traffic and the tests.

import { createSocket } from 'node:dgram';

export const TYPES = { A: 1, NS: 2, CNAME: 5, SOA: 6, PTR: 12, MX: 15, TXT: 16, AAAA: 28, SRV: 33, HTTPS: 65 };
export const CODES = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED'];

/** @param {string} name */
function encodeName(name) {
  const labels = name.replace(/\.$/, '').split('.').filter((label) => label !== '');
  return Buffer.concat([...labels.map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)])), Buffer.from([0])]);
}

/**
 * @param {Buffer} message
 * @param {number} at
 * @returns {{name: string, end: number}}
 */
function decodeName(message, at) {
  const labels = [];
  let end = -1;
  for (let jumps = 0; jumps < 20;) {
    const length = message[at];
    if (length === 0) {
      if (end < 0) end = at + 1;
      break;
    }
    if ((length & 0xc0) === 0xc0) {
      if (end < 0) end = at + 2;
      at = message.readUInt16BE(at) & 0x3fff;
      jumps += 1;
    } else {
      labels.push(message.toString('latin1', at + 1, at + 1 + length));
      at += 1 + length;
    }
  }
  return { name: `${labels.join('.')}.`, end };
}

/** @param {string} name @param {number} type @param {number} id */
export function question(name, type, id) {
  const head = Buffer.alloc(12);
  head.writeUInt16BE(id, 0);
  head.writeUInt16BE(0x0100, 2);
  head.writeUInt16BE(1, 4);
  const tail = Buffer.alloc(4);
  tail.writeUInt16BE(type, 0);
  tail.writeUInt16BE(1, 2);
  return Buffer.concat([head, encodeName(name), tail]);
}

/** @param {Buffer} message */
export function readQuestion(message) {
  const { name, end } = decodeName(message, 12);
  return { id: message.readUInt16BE(0), name, type: message.readUInt16BE(end), end: end + 4 };
}

/** @param {Buffer} data @param {number} type @param {Buffer} message @param {number} at */
function readData(data, type, message, at) {
  if (type === TYPES.A) return [...data].join('.');
  if (type === TYPES.TXT) return data.toString('utf8', 1, 1 + data[0]);
  if (type === TYPES.CNAME || type === TYPES.NS || type === TYPES.PTR) return decodeName(message, at).name;
  return data.toString('hex');
}

/** @param {Buffer} message @returns {{id: number, code: string, answers: {name: string, type: number, ttl: number, data: string}[]}} */
export function readAnswer(message) {
  let at = readQuestion(message).end;
  const answers = [];
  for (let left = message.readUInt16BE(6); left > 0; left -= 1) {
    const { name, end } = decodeName(message, at);
    const [type, ttl, length] = [message.readUInt16BE(end), message.readUInt32BE(end + 4), message.readUInt16BE(end + 8)];
    answers.push({ name, type, ttl, data: readData(message.subarray(end + 10, end + 10 + length), type, message, end + 10) });
    at = end + 10 + length;
  }
  return { id: message.readUInt16BE(0), code: CODES[message[3] & 15] ?? String(message[3] & 15), answers };
}

/**
 * The answer to a question.
 * @param {Buffer} asked
 * @param {{code?: number, ttl?: number, records?: Buffer[], type?: number}} answer data of records of one type, all of the name asked for
 */
export function answerTo(asked, { code = 0, ttl = 300, records = [], type = TYPES.A }) {
  const { end } = readQuestion(asked);
  const out = Buffer.from(asked.subarray(0, end));
  out.writeUInt16BE(0x8180 | code, 2);
  out.writeUInt16BE(records.length, 6);
  out.writeUInt16BE(0, 8);
  out.writeUInt16BE(0, 10);
  const parts = records.map((data) => {
    const head = Buffer.alloc(12);
    head.writeUInt16BE(0xc00c, 0);
    head.writeUInt16BE(type, 2);
    head.writeUInt16BE(1, 4);
    head.writeUInt32BE(ttl, 6);
    head.writeUInt16BE(data.length, 10);
    return Buffer.concat([head, data]);
  });
  return Buffer.concat([out, ...parts]);
}

/**
 * Asks a server, again if no answer comes, as a stub does.
 * @param {number} port
 * @param {string} name
 * @param {keyof typeof TYPES} [type]
 * @param {{from?: string}} [options] `from`: the address that it comes from
 */
export async function ask(port, name, type = 'A', { from = '127.0.0.1' } = {}) {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await askOnce(port, name, type, from);
    } catch (error) {
      if (attempt >= 4) throw error;
    }
  }
}

/**
 * @param {number} port
 * @param {string} name
 * @param {keyof typeof TYPES} type
 * @param {string} from
 * @returns {Promise<ReturnType<typeof readAnswer>>}
 */
function askOnce(port, name, type, from) {
  const socket = createSocket('udp4');
  const id = 1 + Math.floor(Math.random() * 65_000);
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => finish(() => reject(new Error(`no answer for ${name} ${type}`))), 3000);
    const finish = (/** @type {() => void} */ how) => {
      clearTimeout(timer);
      socket.close();
      how();
    };
    socket.on('error', (error) => finish(() => reject(error)));
    socket.on('message', (message) => {
      const answer = readAnswer(message);
      if (answer.id === id) finish(() => resolve(answer));
    });
    socket.bind(0, from, () => socket.send(question(name, TYPES[type], id), port, '127.0.0.1'));
  });
}

/** The data of the first record of an answer, or the code. @param {number} port @param {string} name @param {keyof typeof TYPES} [type] @param {{from?: string}} [options] */
export async function lookUp(port, name, type = 'A', options = {}) {
  const { code, answers } = await ask(port, name, type, options);
  return answers.at(-1)?.data ?? code;
}
