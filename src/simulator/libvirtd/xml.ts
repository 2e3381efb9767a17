import { DOMParser, type Element, type Node, XMLSerializer } from '@xmldom/xmldom';
import { ErrorCode } from '../../node-libvirt/index.ts';
import { LibvirtRefusal } from '../model/refusal.ts';

/** Characters of the longest document taken, and elements within one another: real ones have far fewer. */
const TEXT_MAX = 1_048_576;
const DEPTH_MAX = 128;

/** virErrorNumber VIR_ERR_XML_DETAIL. */
const XML_DETAIL = 35;

/** Parses a document and returns its outermost element, which must be called `root`. @throws {LibvirtRefusal} */
export function parseRoot(text: string, root: string): Element {
  if (text.length > TEXT_MAX || /<!(?:DOCTYPE|ENTITY)/i.test(text) || depth(text) > DEPTH_MAX) {
    throw xmlError('the document is too large, too deep, or declares a document type');
  }
  const element = parse(text);
  if (element?.nodeName !== root) {
    throw new LibvirtRefusal(ErrorCode.xmlError, `XML error: unexpected root element <${element?.nodeName ?? ''}>`);
  }
  return element;
}

function parse(text: string): Element | null {
  try {
    const onError = (level: string, message: string): void => {
      if (level !== 'warning') throw xmlError(message.slice(0, 200));
    };
    return new DOMParser({ onError, locator: false }).parseFromString(text, 'text/xml').documentElement;
  } catch (error) {
    if (error instanceof LibvirtRefusal) throw error;
    throw xmlError(error instanceof Error ? error.message.slice(0, 200) : 'not well-formed');
  }
}

function xmlError(text: string): LibvirtRefusal {
  return new LibvirtRefusal(XML_DETAIL, `(domain_definition):1: ${text}`);
}

/** An upper bound of the nesting, found without recursion. */
function depth(text: string): number {
  let deepest = 0;
  let level = 0;
  for (const [tag] of text.matchAll(/<\/|<[A-Za-z_]|\/>/g)) {
    level += tag === '</' || tag === '/>' ? -1 : 1;
    deepest = Math.max(deepest, level);
  }
  return deepest;
}

/** The child elements, or those with a name. */
export function elements(parent: Element | undefined, name?: string): Element[] {
  const found: Element[] = [];
  for (let node: Node | null = parent?.firstChild ?? null; node !== null; node = node.nextSibling) {
    if (node.nodeType === node.ELEMENT_NODE && (name === undefined || node.nodeName === name)) {
      found.push(node as Element);
    }
  }
  return found;
}

/** The first element along a path of names. */
export function element(parent: Element | undefined, ...path: readonly string[]): Element | undefined {
  let found = parent;
  for (const name of path) found = elements(found, name)[0];
  return found;
}

/** The text of an element, trimmed; empty when there is none. */
export function text(parent: Element | undefined, ...path: readonly string[]): string {
  return element(parent, ...path)?.textContent?.trim() ?? '';
}

/** Elements as they were written. */
export function serialize(...list: readonly Element[]): string {
  const serializer = new XMLSerializer();
  return list.map(item => serializer.serializeToString(item)).join('');
}

/** Text as it stands in XML. */
export function escapeXml(plain: string): string {
  // Control characters are dropped, as by libvirt (src/util/virbuffer.c, virBufferEscapeString): XML has none.
  const printable = [...plain].filter(each => each >= ' ' || '\t\n\r'.includes(each)).join('');
  return printable.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
