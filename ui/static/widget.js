/* Dossier's widget: <script src="https://dossier.example/widget.js" data-endpoint="https://dossier.example"></script>
   data-endpoint  where Dossier is (default: where this script came from; its server.cors_origins must name this site)
   data-key       an API key, when the endpoint asks for one (anyone who can read this page can read it)
   data-title     the words on the button
   Lives in a shadow root, sets text only (never HTML), asks no host but the endpoint. */
(() => {
  'use strict';
  const script = document.currentScript;
  const endpoint = (script.dataset.endpoint || new URL(script.src).origin).replace(/\/+$/, '');
  const title = script.dataset.title || 'Ask the archive';
  const history = [];

  const host = document.createElement('div');
  const root = host.attachShadow({ mode: 'open' });
  const style = new CSSStyleSheet();
  style.replaceSync(`
    :host { all: initial; position: fixed; right: 1rem; bottom: 1rem; z-index: 2147483000; color-scheme: light dark;
      --paper: #fff; --ink: #1d1b18; --soft: #5f5a52; --rule: #d9d4c8; --accent: #7d1f1f; --tint: #f3efe5;
      font: 15px/1.5 system-ui, sans-serif; }
    @media (prefers-color-scheme: dark) { :host { --paper: #1f1d1a; --ink: #ece7dc; --soft: #aaa396; --rule: #3b3731;
      --accent: #f0a79b; --tint: #262320; } }
    * { box-sizing: border-box; }
    button, textarea { font: inherit; color: inherit; }
    button { cursor: pointer; }
    button:focus-visible, textarea:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
    .open { background: var(--accent); color: var(--paper); border: 0; border-radius: 999px; padding: .7rem 1.1rem;
      font-weight: 600; box-shadow: 0 2px 10px #0003; }
    .panel { display: flex; flex-direction: column; width: min(24rem, calc(100vw - 2rem)); height: min(34rem, calc(100vh - 2rem));
      background: var(--paper); color: var(--ink); border: 1px solid var(--rule); border-radius: 10px; box-shadow: 0 6px 30px #0004; }
    [hidden] { display: none !important; }
    header { display: flex; justify-content: space-between; align-items: center; padding: .6rem .9rem; border-bottom: 1px solid var(--rule);
      font-weight: 600; }
    header button { background: none; border: 0; font-size: 1.1rem; padding: .2rem .5rem; }
    .talk { flex: 1; overflow-y: auto; padding: .9rem; overflow-wrap: anywhere; }
    .asked { font-weight: 600; margin: 0 0 .4rem; }
    .said { font-family: Georgia, serif; margin: 0 0 .5rem; white-space: pre-line; }
    .note { color: var(--soft); font-size: .87em; margin: 0 0 .5rem; white-space: pre-line; }
    .lead { color: var(--soft); font-style: italic; }
    sup { color: var(--accent); font: 600 .7em system-ui, sans-serif; margin-left: .15em; }
    details { font-size: .87em; margin: 0 0 1.1rem; color: var(--soft); }
    details p { margin: .4rem 0 0; }
    blockquote { margin: .2rem 0 0; padding-left: .6rem; border-left: 2px solid var(--rule); color: var(--ink); }
    form { display: flex; gap: .5rem; padding: .7rem; border-top: 1px solid var(--rule); }
    textarea { flex: 1; resize: none; border: 1px solid var(--rule); border-radius: 6px; padding: .45rem .6rem; background: var(--paper); }
    form button { background: var(--accent); color: var(--paper); border: 0; border-radius: 6px; padding: 0 .9rem; font-weight: 600; }
    form button:disabled { opacity: .5; }
  `);
  root.adoptedStyleSheets = [style];

  const make = (tag, props = {}, ...children) => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(props)) {
      if (name in node) node[name] = value; else node.setAttribute(name, value);
    }
    node.append(...children);  // strings become text nodes
    return node;
  };

  const open = make('button', { className: 'open', type: 'button', textContent: title });
  const close = make('button', { type: 'button', textContent: '✕', 'aria-label': 'Close' });
  const talk = make('div', { className: 'talk', role: 'log', 'aria-live': 'polite' });
  const box = make('textarea', { rows: 2, maxLength: 4000, placeholder: 'Ask about the articles', 'aria-label': 'Your question' });
  const send = make('button', { type: 'submit', textContent: 'Ask' });
  const form = make('form', {}, box, send);
  const panel = make('section', { className: 'panel', hidden: true, role: 'dialog', 'aria-label': title },
    make('header', {}, make('span', { textContent: title }), close), talk, form);
  root.append(open, panel);

  const show = (shown) => {
    panel.hidden = !shown;
    open.hidden = shown;
    (shown ? box : open).focus();
  };
  open.addEventListener('click', () => show(true));
  close.addEventListener('click', () => show(false));
  panel.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') show(false);
    if (event.key === 'Enter' && !event.shiftKey && event.target === box && !event.isComposing) {
      event.preventDefault();
      form.requestSubmit();
    }
  });
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const question = box.value.trim();
    if (!question || send.disabled) return;
    box.value = '';
    send.disabled = true;
    const said = make('div');
    talk.append(make('p', { className: 'asked', textContent: question }), said);
    said.append(make('p', { className: 'note', textContent: 'Reading the articles …' }));
    said.previousSibling.scrollIntoView();
    try {
      await ask(question, said);
    } catch (error) {
      said.replaceChildren(make('p', { className: 'note', textContent: error.message }));
    }
    send.disabled = false;
  });

  async function ask(question, said) {
    const headers = { 'Content-Type': 'application/json' };
    if (script.dataset.key) headers.Authorization = `Bearer ${script.dataset.key}`;
    let response;
    try {
      response = await fetch(`${endpoint}/api/v1/ask`, {
        method: 'POST', headers, body: JSON.stringify({ question, history: history.slice(-20), stream: true }),
      });
    } catch {
      throw new Error('Dossier cannot be reached. Try again later.');
    }
    if (!response.ok) {
      const body = await response.json().catch(() => ({}));
      throw new Error(body.error ? `${body.error.message} ${body.error.hint}` : `Dossier answered with ${response.status}.`);
    }
    const statements = [];
    for await (const [name, value] of events(response.body)) {
      if (name === 'error') throw new Error(`${value.error.message} ${value.error.hint}`);
      if (name === 'statement') {
        if (value.statement.support !== 'unsupported') statements.push(value.statement);
        said.replaceChildren(...statements.map(sentence));
      }
      if (name === 'answer') {
        show_answer(value, said);
        history.push({ role: 'user', content: question }, { role: 'assistant', content: value.text.slice(0, 20000) });
      }
    }
  }

  function show_answer(answer, said) {
    const standing = answer.statements.filter((s) => s.support !== 'unsupported');
    const shown = answer.status === 'answered' && standing.length
      ? [...standing.map(sentence), ...answer.notes.map((n) => make('p', { className: 'note', textContent: n }))]
      : [make('p', { className: 'said', textContent: answer.text })];
    if (answer.citations.length) shown.push(sources('Sources', answer.citations));
    if (answer.nearest.length) shown.push(sources('Nearest passages, not an answer', answer.nearest));
    said.replaceChildren(...shown);
  }

  function sentence(statement) {
    const node = make('p', { className: 'said' });
    if (statement.lead_in) node.append(make('span', { className: 'lead', textContent: `${statement.lead_in.replace(/:$/, '')}: ` }));
    node.append(statement.text, ...statement.citations.map((n) => make('sup', { textContent: `[${n}]` })));
    return node;
  }

  function sources(label, citations) {
    return make('details', {}, make('summary', { textContent: label }), ...citations.map((c) => make('div', {},
      make('p', { textContent: `[${c.number}] ` + [c.publisher || 'publisher unknown', c.author, c.published || 'date unknown',
        c.genre === 'opinion' ? 'opinion' : null, c.title, c.source].filter(Boolean).join(', ') }),
      make('blockquote', { textContent: c.quote }),
      ...(c.also_in.length ? [make('p', { textContent: `Also in: ${c.also_in.join(', ')}` })] : []))));
  }

  async function* events(body) {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = '';
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      rest += value;
      const frames = rest.split('\n\n');
      rest = frames.pop();
      for (const frame of frames) {
        const name = /^event: (.*)$/m.exec(frame);
        const data = /^data: (.*)$/m.exec(frame);
        if (name && data) yield [name[1], JSON.parse(data[1])];
      }
    }
  }

  const attach = () => document.body.append(host);
  if (document.body) attach(); else document.addEventListener('DOMContentLoaded', attach);
})();
