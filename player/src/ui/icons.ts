const icon = (body: string, attrs = '') =>
  `<svg viewBox="0 0 24 24" width="24" height="24" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false" ${attrs}>${body}</svg>`;

const speaker = '<path d="M4 9.5v5h3.2L12 18.5v-13L7.2 9.5z" fill="currentColor"/>';

/** Our own icons, drawn on a grid of 24. Strings of markup without any input. */
export const icons = {
  play: icon('<path d="M8 5.2v13.6L19 12z" fill="currentColor"/>'),
  pause: icon('<path d="M8 5.5v13M16 5.5v13" stroke-width="3.4"/>'),
  volumeHigh: icon(`${speaker}<path d="M15.2 9.2a4 4 0 0 1 0 5.6M17.8 6.6a7.6 7.6 0 0 1 0 10.8"/>`),
  volumeLow: icon(`${speaker}<path d="M15.2 9.2a4 4 0 0 1 0 5.6"/>`),
  volumeOff: icon(`${speaker}<path d="m15.5 9.7 4.8 4.8m0-4.8-4.8 4.8"/>`),
  captions: icon(
    '<rect x="3" y="5.5" width="18" height="13" rx="2.5"/><path d="M10.4 10.7a2 2 0 1 0 0 2.6M16.9 10.7a2 2 0 1 0 0 2.6"/>',
  ),
  audio: icon('<path d="M9 17.5V6.2l9-1.7v11"/><circle cx="6.6" cy="17.5" r="2.4"/><circle cx="15.6" cy="15.5" r="2.4"/>'),
  quality: icon(
    '<path d="M4 7.5h9M17 7.5h3M4 16.5h3M11 16.5h9"/><circle cx="15" cy="7.5" r="2"/><circle cx="9" cy="16.5" r="2"/>',
  ),
  pip: icon('<path d="M20.5 11V7.5a2 2 0 0 0-2-2h-13a2 2 0 0 0-2 2v9a2 2 0 0 0 2 2H9"/><rect x="12" y="13" width="9" height="6.5" rx="1.5" fill="currentColor" stroke="none"/>'),
  fullscreen: icon('<path d="M4.5 9V4.5H9M15 4.5h4.5V9M19.5 15v4.5H15M9 19.5H4.5V15"/>'),
  exitFullscreen: icon('<path d="M9 4.5V9H4.5M19.5 9H15V4.5M15 19.5V15h4.5M4.5 15H9v4.5"/>'),
  check: icon('<path d="m5.5 12.5 4.3 4.3 8.7-9.3"/>'),
  copy: icon('<rect x="8.5" y="8.5" width="11" height="11" rx="2"/><path d="M5.5 15.5h-.3a1.7 1.7 0 0 1-1.7-1.7V5.2a1.7 1.7 0 0 1 1.7-1.7h8.6a1.7 1.7 0 0 1 1.7 1.7v.3"/>'),
  code: icon('<path d="m8.5 7.5-5 4.5 5 4.5M15.5 7.5l5 4.5-5 4.5"/>'),
  link: icon('<path d="M10 14a4 4 0 0 0 5.7 0l3-3A4 4 0 0 0 13 5.3l-1 1M14 10a4 4 0 0 0-5.7 0l-3 3A4 4 0 0 0 11 18.7l1-1"/>'),
  eye: icon('<path d="M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12z"/><circle cx="12" cy="12" r="2.8"/>'),
  eyeOff: icon('<path d="M4.5 4.5l15 15M9.9 5.8A8.6 8.6 0 0 1 12 5.5c6 0 9.5 6.5 9.5 6.5a16 16 0 0 1-2.7 3.5M6.2 7.7A15.5 15.5 0 0 0 2.5 12S6 18.5 12 18.5a9 9 0 0 0 4.2-1.1"/>'),
};

/** The mark of the house: a spotlight on a stage. */
export const mark =
  '<svg class="mark" viewBox="0 0 24 24" width="24" height="24" aria-hidden="true" focusable="false"><path d="M9.6 3.2h4.8l5.8 15.3H3.8z" fill="currentColor" opacity=".28"/><rect x="8.6" y="1.8" width="6.8" height="2.8" rx="1.4" fill="currentColor"/><ellipse cx="12" cy="18.9" rx="9.2" ry="2.9" fill="#ff4655"/></svg>';
