/** libvirt's hook as its users install it. */
import assert from 'node:assert/strict';
import { chmod, copyFile, mkdir, rm, writeFile } from 'node:fs/promises';
import { run } from './exec.ts';
import { restartLibvirtd } from './libvirtd.ts';
import { MANIFESTS } from './product.ts';

const FOLDER = '/etc/libvirt/hooks/libxl.d';
const HOOK = `${FOLDER}/xenpci`;
/** Where the hook's script looks for the program. */
const PROGRAM = '/usr/bin/xenpci';

/** Installs the hook and the program, and restarts libvirtd, which looks for hooks only when it starts. */
export async function installHook(): Promise<void> {
  await writeFile(PROGRAM, `#!/bin/sh\nexec '${process.execPath}' /share/xenpci.cjs --manifests ${MANIFESTS} "$@"\n`);
  await chmod(PROGRAM, 0o755);
  await mkdir(FOLDER, { recursive: true });
  await copyFile('/share/xenpci-hook', HOOK);
  await chmod(HOOK, 0o755);
  await restartLibvirtd();
}

/** Removes the program, and leaves the hook. */
export async function removeProgram(): Promise<void> {
  await rm(PROGRAM);
}

/** Starts a domain that must be refused by the hook. @returns the hook's own sentence, as `virsh start` reports it. */
export async function refusalOf(domain: string): Promise<string> {
  const { code, stderr } = await run('virsh', ['-q', 'start', domain]);
  assert.notEqual(code, 0, `${domain} has started`);
  const [, sentence] = /Hook script execution failed: .*? exit status 1: xenpci: (.*)/s.exec(stderr) ?? [];
  return (sentence ?? assert.fail(`not refused by the hook: ${stderr}`)).trim();
}
