import { DOMParser, type Document, type Element, XMLSerializer } from '@xmldom/xmldom';
import { messageOf } from '../../controller/message-of.ts';
import { formProblem } from './xml-form.ts';

/** A text that is not the XML it should be. */
export class XmlError extends Error {
  override readonly name: string = 'XmlError';
}

/** Characters of the longest definition that is parsed; real ones have some thousands. */
const TEXT_MAX = 1_048_576;

/**
 * Parses a libvirt definition.
 * @param root the name its outermost element must have.
 * @throws {XmlError} when it is not well-formed, too long, too deep, declares a document type (which libvirt never does,
 *   and which is where entity bombs live), or is something else than `root`.
 */
export function parseXml(text: string, root: string): Document {
  if (text.length > TEXT_MAX) throw new XmlError(`the definition has more than ${TEXT_MAX} characters`);
  if (/<!(?:DOCTYPE|ENTITY)/i.test(text)) throw new XmlError('the definition declares a document type');
  const problem = formProblem(text);
  if (problem !== undefined) throw new XmlError(`the definition is not well-formed: it ${problem}`);
  try {
    const document = new DOMParser({ onError: refuse, locator: false }).parseFromString(text, 'text/xml');
    if (document.documentElement?.nodeName !== root) throw new XmlError(`the definition is no <${root}>`);
    return document;
  } catch (error) {
    if (error instanceof XmlError) throw error;
    throw new XmlError(`the definition is not well-formed: ${messageOf(error)}`, { cause: error });
  }
}

function refuse(level: 'warning' | 'error' | 'fatalError', message: string): void {
  if (level !== 'warning') throw new XmlError(`the definition is not well-formed: ${message.slice(0, 200)}`);
}

/** The text of a document or of one element. */
export function serializeXml(node: Document | Element): string {
  // The library writes a carriage return as it is, and every reader would take that for a line end.
  return new XMLSerializer().serializeToString(node).replaceAll('\r', '&#xD;');
}

/** The child elements with this name. */
export function children(parent: Element | null | undefined, name: string): Element[] {
  const found: Element[] = [];
  for (let node = parent?.firstChild ?? null; node !== null; node = node.nextSibling) {
    if (node.nodeType === node.ELEMENT_NODE && node.nodeName === name) found.push(node as Element);
  }
  return found;
}

/** The first child element with this name. */
export function child(parent: Element | null | undefined, name: string): Element | undefined {
  return children(parent, name)[0];
}

/** The first child element with this name, made when there is none. */
export function ensureChild(document: Document, parent: Element, name: string): Element {
  const present = child(parent, name);
  if (present !== undefined) return present;
  const made = document.createElement(name);
  parent.appendChild(made);
  return made;
}
