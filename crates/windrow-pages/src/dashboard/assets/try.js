// Asks models about the row in the form.
'use strict';

(() => {
  const form = document.getElementById('try');
  if (!form) return;
  const SVG = 'http://www.w3.org/2000/svg';
  // The maximum number of models that are listed.
  const MOST_MODELS = 60;
  const { model } = form.dataset;
  const examples = JSON.parse(form.dataset.examples);
  const result = document.getElementById('result');
  const all = document.getElementById('all');
  const curl = document.getElementById('curl');
  let example = 0;
  let asked = 0;

  const element = (name, text, className) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (className) made.className = className;
    return made;
  };

  const percent = (share) => `${(100 * share).toFixed(1)}%`;
  const signed = (number) => `${number < 0 ? '\u2212' : '+'}${Math.abs(number).toFixed(3)}`;

  // A bar from `low` to `high` on a scale from `from` to `to`.
  const bar = (low, high, from, to) => {
    const svg = document.createElementNS(SVG, 'svg');
    svg.setAttribute('viewBox', '0 0 200 12');
    svg.setAttribute('preserveAspectRatio', 'none');
    svg.setAttribute('class', 'bar');
    svg.setAttribute('aria-hidden', 'true');
    const coordinate = (number) => (to > from ? (200 * (number - from)) / (to - from) : 100);
    const rectangle = document.createElementNS(SVG, 'rect');
    rectangle.setAttribute('x', coordinate(Math.min(low, high)).toFixed(1));
    rectangle.setAttribute('y', '1');
    rectangle.setAttribute('width', Math.max(1, Math.abs(coordinate(high) - coordinate(low))).toFixed(1));
    rectangle.setAttribute('height', '10');
    rectangle.setAttribute('class', high < low ? 'b' : 'a');
    svg.append(rectangle);
    return svg;
  };

  // A table in a box that scrolls, so that it never makes the page wider than its window.
  const table = (caption, header, rows) => {
    const made = element('table');
    made.append(element('caption', caption));
    const head = element('tr');
    for (const name of header) {
      const cell = element('th', name);
      cell.scope = 'col';
      head.append(cell);
    }
    const thead = element('thead');
    thead.append(head);
    const body = element('tbody');
    for (const cells of rows) {
      const row = element('tr');
      cells.forEach((content, number) => {
        const cell = element(number === 0 ? 'th' : 'td');
        if (number === 0) cell.scope = 'row';
        cell.append(content);
        row.append(cell);
      });
      body.append(row);
    }
    made.append(thead, body);
    const box = element('div', undefined, 'scroll');
    box.tabIndex = 0;
    box.setAttribute('role', 'region');
    box.setAttribute('aria-label', caption);
    box.append(made);
    return box;
  };

  const row = () => {
    const given = {};
    for (const input of form.querySelectorAll('input')) {
      const text = input.value;
      if (text === '') given[input.name] = null;
      else if (input.dataset.kind !== 'number') given[input.name] = text;
      // A text that is not a plain number is sent unchanged. The answer reports the fault, if it is one.
      else given[input.name] = Number.isFinite(Number(text)) ? Number(text) : text;
    }
    return given;
  };

  const ask = async (path, body) => {
    const answer = await fetch(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    return { ok: answer.ok, body: await answer.json() };
  };

  const refused = (problem) => {
    const list = element('ul');
    for (const one of problem.errors ?? []) list.append(element('li', `${one.field ?? ''} ${one.reason ?? ''}`.trim()));
    result.replaceChildren(element('h2', 'The request was rejected'), element('p', problem.detail ?? problem.title ?? ''), list);
    for (const input of form.querySelectorAll('input')) {
      const isWrong = (problem.errors ?? []).some((one) => one.field === input.name);
      input.setAttribute('aria-invalid', String(isWrong));
    }
  };

  // The contribution of each feature, or the reason why it is not known.
  const adds = (prediction) => {
    if (!prediction.explanation) return element('p', `What each feature adds is ${prediction.not_explained}.`, 'quiet');
    const { contributions } = prediction.explanation;
    const sorted = [...contributions].sort((one, other) => Math.abs(other.log_odds) - Math.abs(one.log_odds));
    const largest = Math.max(1e-9, ...sorted.map((one) => Math.abs(one.log_odds)));
    const rows = sorted.map((one) => [
      element('span', one.feature, 'long'),
      one.level ?? one.held ?? one.given ?? 'missing',
      signed(one.log_odds),
      bar(0, one.log_odds, -largest, largest),
    ]);
    return table('What each feature adds', ['feature', 'counts as', 'adds', 'as a bar'], rows);
  };

  const explained = (prediction) => {
    const { explanation } = prediction;
    const title = `${percent(prediction.probability)} likely to be positive, so labelled ${prediction.label ? 'positive' : 'not positive'}`;
    const sum = explanation ? ` Log-odds: the baseline ${explanation.baseline.toFixed(3)}, plus what each feature adds.` : '';
    const about = `${prediction.model}, positive if at least ${percent(prediction.threshold)} likely.${sum}`;
    const unknown = (prediction.unknown ?? []).map((one) => {
      const nearest = one.did_you_mean ? `; did you mean ${one.did_you_mean}?` : '';
      const counted = explanation ? "'other'" : 'missing';
      return element('p', `${one.field}: '${one.given}' is not known and counts as ${counted}${nearest}`);
    });
    const outside = (prediction.outside ?? []).map((one) => {
      const counted = one.held === undefined ? 'the learner gets it as it is' : `it counts as ${one.held}`;
      return element('p', `${one.field}: ${one.value} is outside ${one.low} to ${one.high}, the range in training; ${counted}`);
    });
    result.replaceChildren(element('h2', title), element('p', about, 'quiet'), ...unknown, ...outside, adds(prediction));
    for (const input of form.querySelectorAll('input')) input.removeAttribute('aria-invalid');
  };

  const beside = (predictions) => {
    const newest = [...predictions].reverse();
    const rows = newest.slice(0, MOST_MODELS).map((one) => {
      const link = element('a', one.model);
      link.href = `/models/${one.model}`;
      return [link, percent(one.probability), one.label ? 'positive' : 'not positive', bar(0, one.probability, 0, 1)];
    });
    const shares = newest.map((one) => one.probability);
    const range = `${newest.length} models predict ${percent(Math.min(...shares))} to ${percent(Math.max(...shares))}`;
    const more = newest.length > MOST_MODELS ? `; the newest ${MOST_MODELS} are listed` : '';
    const listed = table('The same row by every model', ['model', 'probability', 'label', 'as a bar'], rows);
    all.replaceChildren(element('h2', 'Every model'), element('p', `${range}${more}.`), listed);
  };

  const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

  const line = (body) => {
    const key = form.dataset.keys === 'true' ? ' -H "x-api-key: $WINDROW_API_KEY"' : '';
    return `curl -s ${location.origin}/v1/models/${model}/predict${key} -H 'content-type: application/json' -d ${quoted(body)}`;
  };

  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    asked += 1;
    const mine = asked;
    const body = JSON.stringify(row());
    curl.hidden = false;
    curl.querySelector('code').textContent = line(body);
    try {
      const one = await ask(`/v1/models/${model}/predict?explain=true`, body);
      // An answer that a later question has overtaken is not shown.
      if (mine !== asked) return;
      if (!one.ok) {
        refused(one.body);
        all.replaceChildren();
        return;
      }
      explained(one.body);
      const every = await ask('/v1/predict?models=all', body);
      if (mine === asked && every.ok) beside(every.body.predictions);
    } catch {
      if (mine === asked) refused({ detail: 'the server cannot be reached' });
    }
  });

  document.getElementById('another').addEventListener('click', () => {
    example = (example + 1) % examples.length;
    for (const input of form.querySelectorAll('input')) {
      const value = examples[example][input.name];
      input.value = value === null || value === undefined ? '' : String(value);
    }
    form.requestSubmit();
  });

  curl.querySelector('button').addEventListener('click', () => {
    navigator.clipboard?.writeText(curl.querySelector('code').textContent);
  });
})();
