// Keeps a page as new as the server: numbers by its events, the rest by asking for the page again.
'use strict';

(() => {
  // A server sends an event every five seconds. How long it may be silent before the page says so, and how often it is asked
  // again, in milliseconds.
  const SILENT_AFTER = 8000;
  const ASK_AGAIN = 3000;
  // The page is asked for again at most so often.
  const RENEW_EVERY = 1500;
  const RENEWING = new Set([
    'window_sealed', 'stream_ended', 'model_published', 'model_refused', 'window_scored', 'model_appeared',
    'alias_changed', 'models_retired', 'advised', 'trainer_done',
  ]);

  const state = document.getElementById('state');
  let heard = Date.now();
  let source = null;
  let pending = null;
  let known = null;

  const put = (element, text) => {
    if (element && element.textContent !== text) element.textContent = text;
  };

  const show = (flow) => {
    put(state, flow.state);
    for (const step of flow.steps) {
      const item = document.querySelector(`[data-step="${step.name}"]`);
      if (!item) continue;
      put(item.querySelector('[data-text]'), step.text);
      put(item.querySelector('[data-detail]'), step.detail);
      item.classList.toggle('silent', step.is_silent);
    }
    const quarantine = document.querySelector('[data-step="quarantine"]');
    if (quarantine) {
      put(quarantine.querySelector('[data-text]'), flow.quarantined.toLocaleString('en'));
      quarantine.classList.toggle('bad', flow.quarantined > 0);
    }
    for (const stage of flow.stages) put(document.querySelector(`[data-stage="${stage.name}"]`), stage.text);
    document.body.classList.remove('lost');
    // Windows and models that other processes made come with no event of their own.
    const now = `${flow.windows} ${flow.models} ${flow.is_complete}`;
    const is_moving = !flow.is_complete && document.querySelector('[data-moving]') !== null;
    if (is_moving || (known !== null && known !== now)) renew();
    known = now;
  };

  // Takes the parts that may have changed from the page as it is now.
  const renew = () => {
    if (pending !== null) return;
    pending = setTimeout(async () => {
      pending = null;
      try {
        const answer = await fetch(location.href, { cache: 'no-store' });
        if (!answer.ok) return;
        const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
        document.title = page.title;
        for (const part of document.querySelectorAll('[data-live]')) {
          const next = page.getElementById(part.id);
          if (!next && part.hasAttribute('data-reload')) {
            location.reload();
            return;
          }
          if (next) replace(part, next);
        }
      } catch {
        // The next event shows that the server can be reached again.
      }
    }, RENEW_EVERY);
  };

  const replace = (part, next) => {
    if (part.innerHTML === next.innerHTML) return;
    if (part.hasAttribute('data-moving')) {
      update(part, next);
      read();
      return;
    }
    // Text that a reader is typing is kept.
    if (part.contains(document.activeElement) && document.activeElement.matches('input[type="search"]')) return;
    const opened = [...part.querySelectorAll('details')].map((one) => one.open);
    const scrolled = [...part.querySelectorAll('.scroll')].map((one) => [one.scrollLeft, one.scrollTop]);
    const hidden = [...part.querySelectorAll('input[type="checkbox"]:not(:checked)')].map((one) => one.id);
    const focused = part.contains(document.activeElement) ? document.activeElement.getAttribute('href') : null;
    part.replaceChildren(...next.childNodes);
    [...part.querySelectorAll('details')].forEach((one, number) => { one.open = opened[number] ?? false; });
    [...part.querySelectorAll('.scroll')].forEach((one, number) => one.scrollTo(...(scrolled[number] ?? [0, 0])));
    for (const id of hidden) {
      const box = document.getElementById(id);
      if (box) box.checked = false;
    }
    if (focused !== null) part.querySelector(`[href="${CSS.escape(focused)}"]`)?.focus();
  };

  // Changes an element to its newer version. Elements of the same kind stay, with the pointer and the focus on them.
  const update = (old, next) => {
    if (old.nodeName !== next.nodeName) {
      old.replaceWith(next);
      return;
    }
    if (old.nodeType === Node.TEXT_NODE) {
      put(old, next.textContent);
      return;
    }
    for (const name of old.getAttributeNames()) if (!next.hasAttribute(name)) old.removeAttribute(name);
    for (const name of next.getAttributeNames()) {
      // The keyboard reaches the point that it was last on.
      if (name !== 'tabindex' && old.getAttribute(name) !== next.getAttribute(name)) old.setAttribute(name, next.getAttribute(name));
    }
    const [own, newer] = [[...old.childNodes], [...next.childNodes]];
    newer.forEach((child, number) => (number < own.length ? update(own[number], child) : old.append(child)));
    own.slice(newer.length).forEach((child) => child.remove());
  };

  // Each live picture shows the texts of the point under the pointer, or of the one with the focus, or of the newest one.
  let pointed = null;
  const read = () => {
    for (const picture of document.querySelectorAll('svg.live')) {
      const points = [...picture.querySelectorAll('.point')];
      if (!picture.querySelector('[tabindex="0"]')) points.at(-1).setAttribute('tabindex', '0');
      const chosen = [pointed, document.activeElement].find((one) => points.includes(one));
      for (const point of points) point.classList.toggle('on', point === chosen);
      const texts = (chosen ?? points.at(-1)).dataset.shown.split('\n');
      picture.querySelectorAll('.shown text').forEach((text, number) => put(text, texts[number]));
    }
  };
  const point = (target) => {
    const next = target instanceof Element ? target.closest('.point') : null;
    if (next === pointed) return;
    pointed = next;
    read();
  };
  document.addEventListener('pointerover', (event) => point(event.target));
  document.addEventListener('pointerdown', (event) => {
    // A finger goes from point to point as a mouse does.
    const isHeld = event.target instanceof Element && event.target.matches('.point *') && event.target.hasPointerCapture(event.pointerId);
    if (isHeld) event.target.releasePointerCapture(event.pointerId);
  });
  document.addEventListener('pointerout', (event) => {
    // The mouse has left the window. A finger that is lifted leaves its values.
    if (event.pointerType === 'mouse' && event.relatedTarget === null) point(null);
  });
  document.addEventListener('focusin', read);
  document.addEventListener('focusout', () => setTimeout(read));

  const listen = () => {
    source = new EventSource('/v1/events');
    source.onmessage = (message) => {
      heard = Date.now();
      const happening = JSON.parse(message.data);
      if (happening.event === 'progress') show(happening.facts);
      else if (RENEWING.has(happening.event)) renew();
    };
    source.onerror = () => {
      // The browser itself tries again where the connection broke, but not where the server refused.
      if (source.readyState === EventSource.CLOSED) setTimeout(listen, ASK_AGAIN);
    };
  };

  // A browser has few connections for one server: pages that are hidden leave theirs to the others.
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) {
      source.onerror = null;
      source.close();
    } else if (source.readyState === EventSource.CLOSED) {
      heard = Date.now();
      known = known === null ? '' : known;
      listen();
    }
  });

  // A number that no event renews is not shown as a live one.
  setInterval(() => {
    const silence = Date.now() - heard;
    if (document.hidden || silence < SILENT_AFTER) return;
    document.body.classList.add('lost');
    put(state, `server last heard ${Math.round(silence / 1000)} s ago`);
  }, 1000);

  document.getElementById('theme').addEventListener('click', () => {
    const root = document.documentElement;
    const isDark = root.dataset.theme
      ? root.dataset.theme === 'dark'
      : matchMedia('(prefers-color-scheme: dark)').matches;
    root.dataset.theme = isDark ? 'light' : 'dark';
    localStorage.setItem('theme', root.dataset.theme);
  });

  // The arrow keys go from one point of a picture to the next.
  document.addEventListener('keydown', (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const from = event.target instanceof Element ? event.target.closest('svg :is(a, .point)') : null;
    if (!step || !from) return;
    const points = [...from.closest('svg').querySelectorAll('a, .point')];
    const next = points[points.indexOf(from) + step];
    if (!next) return;
    event.preventDefault();
    for (const one of points) one.setAttribute('tabindex', one === next ? '0' : '-1');
    next.focus();
  });

  listen();
})();
