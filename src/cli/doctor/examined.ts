import { join } from 'node:path';
import type { Dom0Layout } from '../../api/layout.ts';
import type { DomainSelector, SourceSnapshot } from '../../api/manifest.ts';
import { runningController } from '../../daemon/lock.ts';
import { readLiveStatus } from '../../daemon/status-file.ts';
import { type Answer, ask, examine, marked, ownershipOf, thisHost } from '../../host/index.ts';
import { findDomain } from '../../plan/domains.ts';
import { FolderSource } from '../../source/folder-source.ts';
import { bootHide } from '../boot-hide/boot-settings.ts';
import type { Globals } from '../context.ts';
import { type Survey, survey } from '../looks/survey.ts';
import { shipped } from '../shipped.ts';
import { trustOf } from '../trusted.ts';
import type { Findings } from './doctor.ts';
import type { NamedDomain } from './domains.ts';
import type { OwnedFile } from './files.ts';

/** How long one question and a whole look may take, ms. libvirtd took 10 s for an answer while guests were booting. */
const QUESTION_MS = 15_000;
const LOOK_MS = 45_000;

/**
 * Finds out all that `xenpci doctor` judges, everything at once and each for a bounded time; nothing is changed.
 * @param program the running program's file: the hook comes with it.
 * @param open is kept up to what has no answer yet, in words.
 */
export async function findings(asked: Globals, program: string, open: Set<string> = new Set()): Promise<Findings> {
  const { layout } = asked;
  const live = await ask(QUESTION_MS, () => readLiveStatus(layout));
  // A controller may work by another folder than the usual one.
  const told = 'found' in live && !asked.manifestsGiven ? live.found?.manifests : undefined;
  const globals = { ...asked, manifests: told ?? asked.manifests };
  const folder = globals.manifests;
  const [host, source, look] = await Promise.all([
    examine(layout, QUESTION_MS, open),
    marked(
      open,
      'the manifests',
      ask(QUESTION_MS, () => read(globals)),
    ),
    marked(
      open,
      'the whole host',
      ask(LOOK_MS, () => survey(globals)),
    ),
  ]);
  const files = 'found' in source ? source.found.assignments.map(({ origin }) => origin.file) : [];
  return {
    host,
    hook: {
      from: shipped(program, 'manifests/libvirt/xenpci-hook') ?? 'xenpci-hook',
      to: join(layout.root, 'etc/libvirt/hooks/libxl.d/xenpci'),
    },
    root: process.geteuid?.() === 0,
    folder,
    files: await ask(QUESTION_MS, () => owners([folder, ...new Set(files)])),
    state: { path: layout.state, owner: host.state },
    problems: of(source, ({ problems }) => problems),
    controller: await ask(QUESTION_MS, () => controllerOf(layout)),
    domains: of(look, named),
    modprobeConf: join(layout.root, 'etc/modprobe.d/xenpci.conf'),
    bootHide: 'found' in look ? await ask(QUESTION_MS, () => bootHide(look.found)) : look,
  };
}

async function controllerOf(layout: Dom0Layout) {
  const pid = await runningController(layout);
  const told = await readLiveStatus(layout);
  return pid === undefined ? undefined : { pid, hasLooked: told?.writer.pid === pid };
}

async function read({ manifests: folder, layout }: Globals): Promise<SourceSnapshot> {
  const source = new FolderSource({ folder, host: await thisHost(layout), ...trustOf(layout) });
  try {
    return await source.read();
  } finally {
    await source.close();
  }
}

function of<T, U>(answer: Answer<T>, part: (found: T) => U): Answer<U> {
  return 'found' in answer ? { found: part(answer.found) } : answer;
}

async function owners(paths: readonly string[]): Promise<OwnedFile[]> {
  const found: OwnedFile[] = [];
  for (const path of paths) found.push({ path, owner: await ownershipOf(path) });
  return found;
}

/** Each domain once, in the order of the manifests. */
function named({ source, observed }: Survey): readonly NamedDomain[] {
  const selectors = new Map(source.assignments.map(({ assignment: { spec } }) => [nameOf(spec.domain), spec.domain]));
  return [...selectors].map(([name, selector]) => ({ name, domain: findDomain(observed, selector) }));
}

function nameOf(selector: DomainSelector): string {
  return 'uuid' in selector ? selector.uuid : selector.name;
}
