/** Whether the server has other pages than those that are open: their addresses have a hash of the build. */

/** @param {string} text */
const hashIn = (text) => /\bui\/([^/"']+)\/app\.js/.exec(text)?.[1] ?? null;

/** @returns {Promise<boolean>} */
export async function isOutdated() {
  try {
    const response = await fetch(new URL('.', document.baseURI), { cache: 'no-cache', credentials: 'same-origin' });
    const [there, here] = [hashIn(await response.text()), hashIn(import.meta.url.replace('shell/version.js', 'app.js'))];
    return response.ok && there !== null && here !== null && there !== here;
  } catch {
    return false;
  }
}
