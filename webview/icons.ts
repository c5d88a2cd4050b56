// Drawn for 16 by 16 pixels in the line width of the editor's own icons. Constants only: nothing here comes from a peer.

const PATHS = {
  pass: 'M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13M5 8.2l2.1 2.1L11 6.2',
  error: 'M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13M5.8 5.8l4.4 4.4M10.2 5.8l-4.4 4.4',
  warning: 'M8 2 1.5 13.5h13zM8 6.4v3.4M8 11.4v.7',
  circle: 'M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13',
  similar: 'M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13M4.8 8.6c1.1-1.4 2.1-1.4 3.2-.4s2.1 1 3.2-.4',
  download: 'M8 2v8.2M4.6 7 8 10.4 11.4 7M2.5 13.5h11',
  upload: 'M8 10.2V2M4.6 5.2 8 1.8l3.4 3.4M2.5 13.5h11',
  clock: 'M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13M8 4.6V8l2.4 1.8',
  first: 'M8 14V5M4.6 8.2 8 4.8l3.4 3.4M2.5 2h11',
  up: 'M8 13.5v-11M4.4 6.1 8 2.5l3.6 3.6',
  down: 'M8 2.5v11M4.4 9.9 8 13.5l3.6-3.6',
  last: 'M8 2v9M4.6 7.8 8 11.2l3.4-3.4M2.5 14h11',
  pause: 'M5.5 3v10M10.5 3v10',
  play: 'M5 3v10l7.5-5z',
  close: 'M3.5 3.5l9 9M12.5 3.5l-9 9',
  copy: 'M5.5 5.5h8v8h-8zM5.5 10.5h-3v-8h8v3',
  check: 'M3 8.6l3.2 3.2L13 4.6',
  link: 'M6.8 9.2a2.6 2.6 0 0 0 3.7 0l2.2-2.2A2.6 2.6 0 1 0 9 3.3l-.9.9M9.2 6.8a2.6 2.6 0 0 0-3.7 0L3.3 9A2.6 2.6 0 1 0 7 12.7l.9-.9',
  search: 'M9.5 2.5a4 4 0 1 0 0 8 4 4 0 0 0 0-8M6.6 9.4l-4.1 4.1',
  back: 'M13.5 8h-11M6.5 4l-4 4 4 4',
  bulb: 'M8 1.5a4.2 4.2 0 0 0-2.5 7.6c.6.5.9 1 .9 1.7h3.2c0-.7.3-1.2.9-1.7A4.2 4.2 0 0 0 8 1.5M6.4 13h3.2M7 14.7h2',
  filter: 'M2 4h12M4.5 8h7M6.5 12h3',
  install: 'M8 1.8 13.7 5v6L8 14.2 2.3 11V5zM2.5 5.1 8 8.2l5.5-3.1M8 8.2V14',
  refresh: 'M13.5 8A5.5 5.5 0 1 1 11.9 4.1L13.5 5.7M13.5 2v3.7H9.8',
  rooms: 'M8 8h.01M5.2 10.8a4 4 0 0 1 0-5.6M10.8 5.2a4 4 0 0 1 0 5.6M3.1 12.9a7 7 0 0 1 0-9.8M12.9 3.1a7 7 0 0 1 0 9.8',
  stop: 'M4 4h8v8H4z',
  compare: 'M2.5 3h4.5v10H2.5zM9 3h4.5v10H9z',
  merge: 'M3 2.5v2.2A3.8 3.8 0 0 0 6.8 8.5H13M3 14v-1.7a3.8 3.8 0 0 1 3.8-3.8M10.4 5.9 13 8.5l-2.6 2.6',
  folder: 'M1.5 3.5h4.8l1.4 1.6h6.8v7.9h-13z',
  home: 'M2.5 7.5 8 2.8l5.5 4.7M4 6.6v6.9h8V6.6',
  lane: 'M9 1.5 3.5 9H8l-1 5.5L12.5 7H8z',
  relay: 'M2 8h3.6M10.4 8H14M8 5.6a2.4 2.4 0 1 0 0 4.8 2.4 2.4 0 0 0 0-4.8M12.2 6.2 14 8l-1.8 1.8',
  adapter: 'M8 2 14 5.2 8 8.4 2 5.2zM2 8l6 3.2L14 8M2 10.8 8 14l6-3.2',
} as const;

export type IconName = keyof typeof PATHS;

const SVG = 'http://www.w3.org/2000/svg';

/** Decoration: hidden from screen readers, so the words beside it say the same. */
export function icon(name: IconName, className = ''): SVGSVGElement {
  const svg = svgElement('svg', { class: `icon ${className}`.trim(), viewBox: '0 0 16 16', 'aria-hidden': 'true' });
  svg.append(svgElement('path', { d: PATHS[name] }));
  return svg;
}

/** An element for a drawing. Only the attributes of shapes. */
export function svgElement<K extends 'svg' | 'path' | 'rect' | 'pattern'>(
  tag: K,
  attributes: Readonly<Record<string, string | number>>,
): SVGElementTagNameMap[K] {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  return element;
}
