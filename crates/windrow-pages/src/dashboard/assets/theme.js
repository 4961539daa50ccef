// Light or dark, as chosen before: the one thing that is kept in the browser.
'use strict';
const chosen = localStorage.getItem('theme');
if (chosen === 'light' || chosen === 'dark') {
  document.documentElement.dataset.theme = chosen;
}
