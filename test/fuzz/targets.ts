import type { Target } from './target.ts';
import { domainXml } from './targets/domain-xml.ts';
import { rpcFrames } from './targets/rpc-frames.ts';
import { xenstoreFrames } from './targets/xenstore-frames.ts';
import { yamlManifests } from './targets/yaml.ts';

/** Everything that reads what others wrote. */
export const TARGETS: readonly Target[] = [xenstoreFrames, rpcFrames, domainXml, yamlManifests];
