// Runs once for the conversation and once for the article (Gradio hands over `element`, `trigger`, `watch`).
// Every button says what it does in data-act; the text around it is data and stays text.
const ACTS = ['open', 'example', 'feedback', 'close'];

element.addEventListener('click', (event) => {
  const button = event.target.closest('button[data-act]');
  if (!button) return;
  const act = button.dataset.act;
  if (act === 'copy') return copy(button);
  if (act === 'close') return closeReader();
  if (ACTS.includes(act)) trigger(act, { ...button.dataset });
});

let turns = 0;

watch('value', () => {
  const quote = element.querySelector('#quote');
  if (quote) {
    const calm = window.matchMedia('(prefers-reduced-motion: reduce)').matches;
    quote.scrollIntoView({ block: 'center', behavior: calm ? 'auto' : 'smooth' });
    quote.focus({ preventScroll: true });
  }
  const shown = element.querySelectorAll('.turn');
  if (shown.length > turns) shown[shown.length - 1].scrollIntoView({ block: 'start' });
  turns = shown.length;
});

if (element.closest('#reader')) {
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Escape' && element.querySelector('.reader')) closeReader();
  });
}

function closeReader() {
  trigger('close', {});
  document.querySelector('#question textarea')?.focus({ preventScroll: true });
}

async function copy(button) {
  const text = button.dataset.text;
  if (navigator.clipboard && window.isSecureContext) {
    await navigator.clipboard.writeText(text);
  } else {
    // plain http on an intranet has no clipboard interface
    const area = document.createElement('textarea');
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand('copy');
    area.remove();
  }
  button.textContent = 'Copied';
  setTimeout(() => { button.textContent = 'Copy'; }, 1500);
}
