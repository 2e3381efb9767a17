import type { Target } from './target.ts';
import { argv } from './targets/argv.ts';
import { domainXml } from './targets/domain-xml.ts';
import { hook } from './targets/hook.ts';
import { http } from './targets/http.ts';
import { pciIds } from './targets/pci-ids.ts';
import { procFiles } from './targets/proc-files.ts';
import { rpcFrames } from './targets/rpc-frames.ts';
import { stateFiles } from './targets/state-files.ts';
import { sysfs } from './targets/sysfs.ts';
import { xenstoreFrames } from './targets/xenstore-frames.ts';
import { xlOutput } from './targets/xl-output.ts';
import { yamlManifests } from './targets/yaml.ts';

/** Everything that reads what others wrote. */
export const TARGETS: readonly Target[] = [
  xenstoreFrames,
  rpcFrames,
  domainXml,
  yamlManifests,
  xlOutput,
  pciIds,
  procFiles,
  stateFiles,
  http,
  sysfs,
  hook,
  argv,
];
