/** Reads what the upstreams page needs out of the server's metrics (text format of Prometheus). Pure. */

/**
 * The times of the replies of one server since the start: upper bounds in seconds with how many took at most that.
 * @typedef {{ bounds: number[], counts: number[], sum: number, count: number }} Times
 * @typedef {{ servers: Map<string, Times>, questions: Map<string, number>, timeouts: number, ignored: number, started: number }} Reading
 */

const LINE = /^(\w+)(?:\{(.*)\})? (\S+)$/;

/** @param {string} text */
function labelsOf(text) {
  /** @type {Record<string, string>} */
  const labels = {};
  for (const [, name = '', value = ''] of text.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) labels[name] = value.replace(/\\(.)/g, '$1');
  return labels;
}

/** @param {string} text @returns {Reading} */
export function read(text) {
  /** @type {Reading} */
  const reading = { servers: new Map(), questions: new Map(), timeouts: 0, ignored: 0, started: 0 };
  const timesOf = (/** @type {string} */ server) => {
    let times = reading.servers.get(server);
    if (!times) reading.servers.set(server, (times = { bounds: [], counts: [], sum: 0, count: 0 }));
    return times;
  };
  for (const line of text.split('\n')) {
    if (!line.startsWith('headwater_upstream') && !line.startsWith('process_start')) continue;
    const [, name = '', inner = '', number = ''] = LINE.exec(line) ?? [];
    const [labels, value] = [labelsOf(inner), Number(number)];
    if (name === 'headwater_upstream_seconds_bucket' && labels.le !== '+Inf') {
      const times = timesOf(labels.server ?? '');
      times.bounds.push(Number(labels.le));
      times.counts.push(value);
    } else if (name === 'headwater_upstream_seconds_sum') timesOf(labels.server ?? '').sum = value;
    else if (name === 'headwater_upstream_seconds_count') timesOf(labels.server ?? '').count = value;
    else if (name === 'headwater_upstream_questions_total') reading.questions.set(labels.transport ?? '', value);
    else if (name === 'headwater_upstream_timeouts_total') reading.timeouts = value;
    else if (name === 'headwater_upstream_ignored_total') reading.ignored = value;
    else if (name === 'process_start_time_seconds') reading.started = value;
  }
  return reading;
}

/**
 * What came between two readings of one server; all of it if the server started anew.
 * @param {Times} now @param {Times | undefined} before @returns {Times}
 */
export function since(now, before) {
  if (!before || before.count > now.count) return now;
  return {
    bounds: now.bounds,
    counts: now.counts.map((count, index) => count - (before.counts[index] ?? 0)),
    sum: now.sum - before.sum,
    count: now.count - before.count,
  };
}

/**
 * Milliseconds that a part of the replies took at most, interpolated within a class; null: there were none.
 * @param {Times} times @param {number} part @returns {number | null}
 */
export function quantile(times, part) {
  if (!times.count) return null;
  const rank = part * times.count;
  let [lower, below] = [0, 0];
  for (let index = 0; index < times.bounds.length; index += 1) {
    const [bound = 0, count = 0] = [times.bounds[index], times.counts[index]];
    if (count >= rank) {
      const within = count > below ? (rank - below) / (count - below) : 1;
      return (lower + (bound - lower) * within) * 1000;
    }
    [lower, below] = [bound, count];
  }
  return lower * 1000;
}

/** How a server of the configuration is asked, and where. @param {string} text */
export function serverOf(text) {
  const [, scheme = 'udp', rest = text] = /^(\w+):\/\/(.*)$/.exec(text) ?? [];
  const insecure = /#insecure$/.test(rest);
  return { text, protocol: scheme === 'udp' ? 'UDP' : scheme === 'tcp' ? 'TCP' : scheme === 'tls' ? 'DoT' : 'DoH', insecure, address: rest.replace(/#.*$/, '') };
}
