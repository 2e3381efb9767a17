import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';

const SRC = resolve(import.meta.dirname, '../../src');

/** Which folders each folder may import. One direction only: what is not listed is forbidden. */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  api: [],
  'xenstore-client': [],
  'node-libvirt': [],
  plan: ['api'],
  controller: ['plan', 'api'],
  source: ['controller', 'api'],
  host: ['controller', 'plan', 'api', 'xenstore-client', 'node-libvirt'],
  packaging: ['cli', 'source', 'api'],
  simulator: ['plan', 'api', 'xenstore-client', 'node-libvirt'],
  daemon: ['controller', 'plan', 'api', 'source', 'host', 'simulator'],
  cli: ['daemon', 'controller', 'plan', 'api', 'source', 'host', 'simulator'],
  '.': ['cli', 'daemon', 'controller', 'plan', 'api', 'source', 'host'],
};
const LINES_MAX = 300;

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter(file => file.endsWith('.ts'));
const texts = new Map(files.map(file => [file, readFileSync(join(SRC, file), 'utf8')]));

/** The relative imports of a file, as paths under src; with `from` only those that are loaded with it. */
function importsOf(file: string, which: 'all' | 'from' = 'all'): string[] {
  const pattern =
    which === 'all' ? /(?:from|import)\s*\(?\s*'(\.[^']+)'/g : /^(?:import|export)(?! type )[^;]*?from '(\.[^']+)'/gm;
  const found = texts.get(file)?.matchAll(pattern) ?? [];
  return [...found].map(match => relative(SRC, resolve(SRC, dirname(file), match[1] ?? '')));
}

/** These files and all that is loaded with them. */
function loadedBy(...roots: readonly string[]): string[] {
  const loaded = new Set(roots);
  for (const file of loaded) for (const target of importsOf(file, 'from')) loaded.add(target);
  return [...loaded];
}

function librariesOf(loaded: readonly string[]): string[] {
  const pattern = /^import (?!type )[^;]*?from '((?!\.|node:)[^']+)'/gm;
  const found = loaded.flatMap(file => [...(texts.get(file) ?? '').matchAll(pattern)].map(match => match[1] ?? ''));
  return [...new Set(found)].sort();
}

const folderOf = (file: string): string => (file.includes('/') ? (file.split('/')[0] ?? '.') : '.');

describe('architecture', () => {
  test('there is something to check', () => {
    expect(files.length).toBeGreaterThan(50);
    expect([...new Set(files.map(folderOf))].sort()).toEqual(Object.keys(ARROWS).sort());
  });

  test('imports point one way only', () => {
    const wrong = files.flatMap(file =>
      importsOf(file)
        .filter(target => folderOf(target) !== folderOf(file) && !ARROWS[folderOf(file)]?.includes(folderOf(target)))
        .map(target => `${file} imports ${target}`),
    );
    expect(wrong).toEqual([]);
  });

  test('every import names a file that is there, and stays inside src', () => {
    const wrong = files.flatMap(file =>
      importsOf(file)
        .filter(target => !texts.has(target))
        .map(target => `${file}: ${target}`),
    );
    expect(wrong).toEqual([]);
  });

  test('no file imports itself by a way round', () => {
    const cycles = files.flatMap(file => cycleFrom(file) ?? []);
    expect(cycles).toEqual([]);
  });

  test('what every command loads has no web server and no metrics library', () => {
    const commands = files.filter(file => file.startsWith('cli/commands/'));
    const loaded = loadedBy('main.ts', ...commands);
    const heavy = /from '(?:prom-client|node:https?)'/;
    expect(loaded.filter(file => heavy.test(texts.get(file) ?? ''))).toEqual([]);
    expect(loaded.length).toBeGreaterThan(100);
  });

  test('before a command is called, one library is loaded', () => {
    expect(librariesOf(loadedBy('main.ts'))).toEqual(['commander']);
  });

  test('what shows only what the controller tells loads neither the host nor what reads manifests', () => {
    const loaded = loadedBy('cli/commands/get.ts');
    expect(librariesOf(loaded)).toEqual(['commander', 'yaml']);
    expect(
      loaded.filter(file => /^(?:host|node-libvirt|xenstore-client|simulator)\/|^source\/folder/.test(file)),
    ).toEqual([]);
  });

  test('a start without devices loads what reads manifests, and neither the host nor the controller', () => {
    const loaded = loadedBy('cli/commands/hook.ts', 'cli/hook/prepares.ts');
    expect(librariesOf(loaded)).toEqual(['@xmldom/xmldom', 'commander', 'p-queue', 'yaml', 'zod']);
    expect(loaded.filter(file => /^(?:node-libvirt|xenstore-client|simulator)\/|^host\/index/.test(file))).toEqual([]);
  });

  test(`no file is longer than ${LINES_MAX} lines`, () => {
    const long = [...texts].filter(([, text]) => text.split('\n').length > LINES_MAX).map(([file]) => file);
    expect(long).toEqual([]);
  });

  test('deciding is synchronous and has no clock, no randomness and no I/O', () => {
    const pure = [...texts].filter(([file]) => ['api', 'plan'].includes(folderOf(file)));
    const impure = /\b(async|await|Promise|Date\.now|Math\.random|setTimeout|process\.)|from 'node:(?!path|crypto)/;
    expect(pure.filter(([, text]) => impure.test(text)).map(([file]) => file)).toEqual([]);
  });

  test('only the command line reads the environment, and only main ends the process', () => {
    const code = [...texts].map(([file, text]) => [file, text.replaceAll(/^\s*(\/?\*|\/\/).*$/gm, '')] as const);
    // A program that xenpci runs inherits the environment, and nothing is read from it there.
    const env = code.filter(([file, text]) => text.includes('process.env') && folderOf(file) !== 'cli');
    const exit = code.filter(([file, text]) => text.includes('process.exit(') && file !== 'main.ts');
    expect(env.map(([file]) => file)).toEqual(['host/command.ts']);
    expect(exit.map(([file]) => file)).toEqual([]);
  });

  test('no shell is ever used: programs are started with a list of words, in few places', () => {
    const starters = [...texts].filter(([, text]) => text.includes("from 'node:child_process'"));
    expect(
      starters
        .map(([file]) => file)
        .filter(file => folderOf(file) !== 'packaging')
        .sort(),
    ).toEqual(['host/command.ts', 'simulator/libvirtd/hooks.ts', 'xenstore-client/device-transport.ts']);
    const shell = /\bshell:|\b(?:exec|execSync|spawnSync)\(|'(?:\/bin\/)?(?:ba|da)?sh'|-c'/;
    expect(
      starters.filter(([file, text]) => folderOf(file) !== 'packaging' && shell.test(text)).map(([file]) => file),
    ).toEqual([]);
  });

  test('nothing can listen on a network: on this machine alone, and only where that is asked for', () => {
    const listening = [...texts].flatMap(([file, text]) => {
      return [...text.matchAll(/server\.listen\((.*?)[,)]/g)].map(([, first]) => `${file}: ${first}`);
    });
    expect(listening.sort()).toEqual([
      'daemon/api/socket-file.ts: path',
      'daemon/read-only-server.ts: port',
      'simulator/socket-server.ts: this.path',
    ]);
    expect(texts.get('daemon/read-only-server.ts')).toContain("server.listen(port, '127.0.0.1')");
    expect([...texts].filter(([, text]) => /node:(?:dgram|tls|https|http2)'/.test(text)).map(([file]) => file)).toEqual(
      [],
    );
  });
});

function cycleFrom(start: string): string | undefined {
  const queue = importsOf(start).map(target => [start, target]);
  const seen = new Set<string>();
  for (let path = queue.shift(); path !== undefined; path = queue.shift()) {
    const last = path.at(-1) ?? '';
    if (last === start) return path.join(' > ');
    if (seen.has(last)) continue;
    seen.add(last);
    queue.push(...importsOf(last).map(target => [...path, target]));
  }
  return undefined;
}
