import { request as ask } from 'node:http';
import { onTestFinished } from 'vitest';
import type { Dom0Layout } from '../../../../src/api/layout.ts';
import type { SourceSnapshot } from '../../../../src/api/manifest.ts';
import { apiResources } from '../../../../src/cli/api-resources.ts';
import { systemClock } from '../../../../src/controller/clock.ts';
import type { Look, Pass } from '../../../../src/controller/look.ts';
import type { Reporter } from '../../../../src/controller/report.ts';
import { computeStatus } from '../../../../src/controller/status.ts';
import { socketPath } from '../../../../src/daemon/api/socket-file.ts';
import { Journal } from '../../../../src/daemon/events/journal.ts';
import { type ServeOptions, serve } from '../../../../src/daemon/serve.ts';
import type { Observed } from '../../../../src/plan/observed.ts';
import { plan } from '../../../../src/plan/plan.ts';
import { tempLayout } from '../temp-layout.ts';

export interface Reply {
  readonly code: number;
  readonly type: string;
  readonly text: string;
}

/** A look as the controller makes it. */
export function lookAt(observed: Observed, source: SourceSnapshot): Look {
  const now = Date.now();
  const decided = plan(observed, source, new Map());
  const status = computeStatus({ plan: decided, observed, source, failure: () => undefined, open: [], now });
  const inventory = new Map();
  return { observed, source, inventory, approvals: [], failures: new Map(), plan: decided, status, now };
}

interface AskOptions {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

/** A served controller, and ways to be its loop and its clients. */
export interface Served {
  readonly layout: Dom0Layout;
  readonly journal: Journal;
  /** What was told in the log. */
  readonly warnings: string[];
  readonly path: string;
  readonly close: () => Promise<void>;
  readonly hint: (about: string) => void;
  readonly report: Reporter;
  readonly pass: (look?: Look) => void;
  /** How often the controller was asked for a look. */
  readonly looksAsked: () => number;
  readonly get: (url: string, more?: AskOptions) => Promise<Reply>;
}

/** What serves a controller of which the test is the loop. */
export async function served(options: Partial<ServeOptions> = {}, layout: Dom0Layout = tempLayout()): Promise<Served> {
  const warnings: string[] = [];
  const reporters: Reporter[] = [];
  const passes: ((pass: Pass) => void)[] = [];
  let hint: (about: string) => void = () => undefined;
  let asked = 0;
  const journal = await Journal.open(layout, { now: Date.now, onProblem: message => warnings.push(message) });
  const session = {
    layout,
    manifests: '/m',
    journal,
    clock: systemClock,
    resyncMs: 30_000,
    log: ({ message }: { message: string }) => warnings.push(message),
    host: {
      observe: () => Promise.reject(new Error('not asked here')),
      perform: () => Promise.reject(new Error('not asked here')),
      onHint(listener: (about: string) => void) {
        hint = listener;
        return () => undefined;
      },
      close: async () => undefined,
    },
    onReport: (listener: Reporter) => reporters.push(listener),
    onPass: (listener: (pass: Pass) => void) => passes.push(listener),
    look: () => {
      asked += 1;
    },
  };
  const resources = apiResources({ layout, manifests: '/m', manifestsGiven: false });
  const attendance = await serve(session, { resources, version: '1.2.3', ...options });
  onTestFinished(() => attendance.close());
  const path = socketPath(layout);
  return {
    layout,
    journal,
    warnings,
    path,
    close: () => attendance.close(),
    hint: (about: string) => hint(about),
    report: report => {
      for (const reporter of reporters) reporter(report);
    },
    pass: (look?: Look) => {
      for (const heard of passes) heard({ durationMs: 40, backingOff: 1, ...(look === undefined ? {} : { look }) });
    },
    looksAsked: () => asked,
    get: (url, more = {}) => get({ socketPath: path }, url, more),
  };
}

/** Asks and reads the whole answer. */
export function get(
  where: { readonly socketPath: string } | { readonly port: number },
  url: string,
  { method = 'GET', headers = {}, body }: AskOptions = {},
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const sent = ask({ ...where, host: '127.0.0.1', path: url, method, headers, agent: false }, response => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      const { statusCode: code = 0 } = response;
      response.once('end', () => resolve({ code, type: response.headers['content-type'] ?? '', text }));
      response.once('error', reject);
    });
    sent.once('error', reject);
    sent.end(body);
  });
}
