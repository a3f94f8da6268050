/** What is on the page as one SVG that needs no style sheet: for downloading, mailing, printing. */

/** What the style sheet says of a drawing, as attributes of its elements. */
const PROPERTIES = [
  "fill", "fill-opacity", "stroke", "stroke-width", "stroke-opacity", "stroke-dasharray", "stroke-linecap",
  "stroke-linejoin", "font-family", "font-size", "font-weight", "text-anchor", "paint-order", "shape-rendering",
  "vector-effect", "transform",
] as const;

const SVG = "http://www.w3.org/2000/svg";
const MARGIN = 16;
const HIDDEN = "details, noscript, .katex-mathml, [hidden]";

/** The views inside `element` where they stand: pictures, and the text around them line by line. */
export function pictureOf(element: Element): string {
  const origin = element.getBoundingClientRect();
  const root = document.createElementNS(SVG, "svg");
  set(root, { width: origin.width + 2 * MARGIN, height: origin.height + 2 * MARGIN });
  root.append(rectangle(0, 0, "100%", "100%", paper(element)));
  const page = document.createElementNS(SVG, "g");
  set(page, { transform: `translate(${MARGIN - origin.left} ${MARGIN - origin.top})` });
  root.append(page);
  draw(element, page);
  trim(root, page, origin);
  return `${new XMLSerializer().serializeToString(root)}\n`;
}

function draw(element: Element, page: Element): void {
  if (element.matches(HIDDEN)) return;
  const style = getComputedStyle(element);
  if (style.display === "none" || style.visibility === "hidden") return;
  if (element instanceof SVGSVGElement) return void page.append(drawing(element));
  const { left, top, width, height } = element.getBoundingClientRect();
  if (!/^(transparent|rgba\(.*, 0\))$/.test(style.backgroundColor)) page.append(rectangle(left, top, width, height, style.backgroundColor));
  for (const child of element.childNodes) {
    if (child instanceof Element) draw(child, page);
    else if (child instanceof Text) page.append(...lines(child, style));
  }
}

function drawing(svg: SVGSVGElement): Element {
  const { left, top, width, height } = svg.getBoundingClientRect();
  const copy = styled(svg) as SVGSVGElement;
  set(copy, { x: left, y: top, width, height });
  return copy;
}

/** A copy whose attributes say what the style sheet said of the original. */
function styled(element: Element): Element {
  const copy = element.cloneNode(false) as Element;
  const style = getComputedStyle(element);
  for (const property of PROPERTIES) {
    const value = style.getPropertyValue(property);
    if (property === "fill" && element.getAttribute("fill")?.startsWith("url(")) continue;
    if (value && !(property === "transform" && value === "none")) copy.setAttribute(property, value);
  }
  copy.removeAttribute("class");
  for (const child of element.childNodes) {
    if (!(child instanceof Element)) copy.append(child.cloneNode());
    else if (getComputedStyle(child).display !== "none" || child.localName === "defs") copy.append(styled(child));
  }
  return copy;
}

/** Text line by line as the page breaks it. */
function lines(text: Text, style: CSSStyleDeclaration): Element[] {
  const range = document.createRange();
  const found: { place: DOMRect; words: string[] }[] = [];
  for (const { 0: word, index } of text.data.matchAll(/\S+/g)) {
    range.setStart(text, index);
    range.setEnd(text, index + word.length);
    const place = range.getBoundingClientRect();
    const line = found.at(-1);
    if (line && Math.abs(line.place.top - place.top) < 2) line.words.push(word);
    else found.push({ place, words: [word] });
  }
  const upright = style.writingMode === "horizontal-tb";
  return found.map(({ place: { left, top, height }, words }) => {
    const drawn = document.createElementNS(SVG, "text");
    set(drawn, {
      x: left,
      y: top + height * (upright ? 0.78 : 1),
      fill: style.color,
      "font-family": style.fontFamily,
      "font-size": style.fontSize,
      "font-weight": style.fontWeight,
      ...(upright ? {} : { transform: `rotate(-90 ${left} ${top + height})`, dy: "0.8em" }),
    });
    drawn.textContent = words.join(" ");
    return drawn;
  });
}

/** Columns that nothing fills are cut off at the right. */
function trim(root: Element, page: Element, origin: DOMRect): void {
  const hidden = document.body.appendChild(root as SVGSVGElement);
  const { x, width } = (page as SVGGElement).getBBox();
  hidden.remove();
  if (width > 0) root.setAttribute("width", String(Math.ceil(Math.max(x + width - origin.left, 120) + 2 * MARGIN)));
}

function rectangle(x: number, y: number, width: number | string, height: number | string, fill: string): Element {
  const drawn = document.createElementNS(SVG, "rect");
  set(drawn, { x, y, width, height, fill });
  return drawn;
}

/** The colour behind the views: the nearest ancestor's that has one. */
function paper(element: Element): string {
  for (let at: Element | null = element; at; at = at.parentElement) {
    const colour = getComputedStyle(at).backgroundColor;
    if (!/^(transparent|rgba\(.*, 0\))$/.test(colour)) return colour;
  }
  return "white";
}

function set(element: Element, attributes: Record<string, string | number>): void {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
}
