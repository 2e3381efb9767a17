import type { ServerResponse } from 'node:http';
import { API_VERSION } from '../../api/manifest.ts';
import type { Look } from '../../controller/look.ts';
import { concerns, type Event, parseRef, withoutRepeats } from '../events/event.ts';
import type { Journal } from '../events/journal.ts';
import { type Answer, failure, type Handler, json, type Request } from '../read-only-server.ts';
import { streamEvents } from './event-stream.ts';
import type { FreshLooks } from './fresh-looks.ts';
import type { Health } from './health.ts';
import type { Resources } from './resources.ts';

/** Those who follow events at the same time. */
const STREAMS_MAX = 16;

/** All that the API answers from. */
export interface ApiParts {
  readonly journal: Journal;
  readonly resources: Resources;
  /** A look in the form that `xenpci` itself reads: see look-text.ts. */
  readonly lookText: (look: Look) => string;
  readonly health: Health;
  readonly fresh: Pick<FreshLooks, 'ask'>;
  /** The metrics in Prometheus' text format, and its content type. */
  readonly metrics: () => Promise<{ readonly type: string; readonly text: string }>;
}

const PATHS = ['assignments', 'devices', 'domains', 'plan', 'events'].map(name => `/v1/${name}`);

/** Answers every request of the API. */
export function apiRoutes(parts: ApiParts): Handler {
  let streams = 0;
  const count = (change: number): void => {
    streams += change;
  };
  const eventsOrStream = (request: Request, response: ServerResponse): Answer | undefined => {
    if (!wantsStream(request)) return events(request, parts.journal);
    if (streams >= STREAMS_MAX) return failure(503, 'TooManyRequests', `${STREAMS_MAX} follow the events already`);
    return stream(request, response, parts.journal, count);
  };
  return async (request, response) => {
    const [first, kind, name, ...more] = request.path;
    if (first === undefined) return json(200, { paths: [...PATHS, '/metrics', '/healthz', '/readyz'] });
    if (kind === undefined) return plain(first, parts);
    if (first !== 'v1' || more.length > 0) return notFound();
    if (kind === 'look' && name === undefined) return wholeLook(request, parts);
    if (kind === 'events' && name === undefined) return eventsOrStream(request, response);
    return resource(kind, name, parts);
  };
}

async function plain(name: string, { health, metrics }: ApiParts): Promise<Answer> {
  if (name === 'metrics') return { code: 200, ...(await metrics()) };
  const verdict = name === 'healthz' ? health.alive() : name === 'readyz' ? health.ready() : undefined;
  if (verdict === undefined) return notFound();
  return { code: verdict.good ? 200 : 503, type: 'text/plain; charset=utf-8', text: `${verdict.text}\n` };
}

function resource(kind: string, name: string | undefined, { health, resources }: ApiParts): Answer {
  const find = FINDERS[kind];
  if (find === undefined) return notFound();
  const look = health.look;
  if (look === undefined) return failure(503, 'NotReady', 'the host has not been looked at yet; see /readyz');
  return find(resources, look, name) ?? notFound();
}

/** The last look, or with `?fresh` one that begins after this; for programs of this version alone, and only while it is of the last pass. */
async function wholeLook({ query }: Request, { health, fresh, lookText }: ApiParts): Promise<Answer> {
  if (query.has('fresh') && !(await fresh.ask())) {
    return failure(503, 'Outdated', 'no look of the controller has succeeded since it was asked');
  }
  const outdated = health.outdated();
  if (outdated !== undefined) return failure(503, 'Outdated', outdated);
  if (health.look === undefined) return failure(503, 'NotReady', 'the host has not been looked at yet; see /readyz');
  return { code: 200, type: 'application/json; charset=utf-8', text: lookText(health.look) };
}

type Finder = (resources: Resources, look: Look, name: string | undefined) => Answer | undefined;

const FINDERS: Readonly<Record<string, Finder | undefined>> = {
  __proto__: null as never,
  assignments: ({ assignments, assignment }, look, name) =>
    name === undefined ? list('PCIAssignment', assignments(look)) : one(assignment(look, name)),
  devices: ({ devices, device }, look, name) =>
    name === undefined ? list('PCIDevice', devices(look)) : one(device(look, name)),
  domains: ({ domains }, look, name) => (name === undefined ? list('Domain', domains(look)) : undefined),
  plan: ({ plan }, look, name) => (name === undefined ? json(200, plan(look)) : undefined),
};

function list(kind: string, items: readonly object[]): Answer {
  return json(200, { apiVersion: API_VERSION, kind: `${kind}List`, items });
}

function one(object: object | undefined): Answer | undefined {
  return object && json(200, object);
}

function notFound(): Answer {
  return failure(404, 'NotFound', 'there is no such thing here; / lists what there is');
}

function wantsStream({ message }: Request): boolean {
  return message.headers.accept?.includes('text/event-stream') === true;
}

function events({ query }: Request, journal: Journal): Answer {
  const wanted = chosen(query);
  if (wanted === undefined) return badObject();
  return list('Event', withoutRepeats(journal.events.filter(wanted)));
}

function stream(
  { query, message }: Request,
  response: ServerResponse,
  journal: Journal,
  count: (change: number) => void,
): Answer | undefined {
  const wanted = chosen(query);
  const text = message.headers['last-event-id'] ?? query.get('after') ?? undefined;
  const isNumber = typeof text === 'string' && /^\d{1,15}$/.test(text);
  if (wanted === undefined) return badObject();
  if (text !== undefined && !isNumber) return failure(400, 'BadRequest', 'Last-Event-ID is the id of an event');
  count(1);
  response.once('close', () => count(-1));
  streamEvents(journal, response, { after: isNumber ? Number(text) : undefined, wanted });
  return undefined;
}

/** `?for=device/ADDRESS`, as the command has it. @returns undefined when it is no object. */
function chosen(query: URLSearchParams): ((event: Event) => boolean) | undefined {
  const text = query.get('for');
  if (text === null) return () => true;
  const object = parseRef(text);
  return object && (event => concerns(event, object));
}

function badObject(): Answer {
  return failure(400, 'BadRequest', 'for is an object, such as device/0000:03:00.0 or assignment/sys-net');
}
