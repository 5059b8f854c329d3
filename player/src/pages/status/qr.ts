import { encode } from 'uqr';

/** A QR code as a picture, dark on light whatever the page's colours are, because cameras expect that. */
export function code(text: string, alt: string): SVGElement {
  const { data, size } = encode(text, { ecc: 'M', border: 4 }); // ISO/IEC 18004, 9.1: a quiet zone of 4 modules
  const svg = part('svg', { viewBox: `0 0 ${size} ${size}`, role: 'img', 'aria-label': alt, class: 'qr', 'shape-rendering': 'crispEdges' });
  const path = data.flatMap((row, y) => row.map((dark, x) => (dark ? `M${x} ${y}h1v1h-1z` : ''))).join('');
  svg.append(part('rect', { width: String(size), height: String(size), fill: '#fff' }), part('path', { d: path, fill: '#000' }));
  return svg;
}

function part<K extends keyof SVGElementTagNameMap>(name: K, attributes: Record<string, string>): SVGElementTagNameMap[K] {
  const e = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [k, v] of Object.entries(attributes)) {
    e.setAttribute(k, v);
  }
  return e;
}
