// Sets theme, language and density before the first paint. A classic script: modules come too late.
(() => {
  /** @param {string} key */
  const read = (key) => {
    try {
      return JSON.parse(localStorage.getItem(`headwater.${key}`) ?? 'null');
    } catch {
      return null;
    }
  };
  const root = document.documentElement;
  const theme = read('theme');
  const dark = theme === 'dark' || (theme !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches);
  root.dataset.theme = dark ? 'dark' : 'light';
  const density = read('density');
  if (density === 'dense' || density === 'roomy') root.dataset.density = density;
  const lang = read('lang') || (navigator.languages ?? []).map((tag) => tag.split('-')[0]).find((tag) => tag === 'en' || tag === 'de');
  root.lang = lang || 'en';
})();
