import { BOX, LINES, ROW } from './layout.ts';

/** The page's look; light and dark by what the reader's system says. */
export const STYLE: string = `
:root { color-scheme: light dark; --text: #1b1f24; --soft: #59636e; --back: #fff; --panel: #f6f8fa; --rule: #d1d9e0;
  --ready: #1a7f37; --waiting: #9a6700; --refused: #8250df; --failed: #cf222e; --idle: #59636e; }
@media (prefers-color-scheme: dark) { :root { --text: #f0f6fc; --soft: #9198a1; --back: #0d1117; --panel: #151b23; --rule: #3d444d;
  --ready: #3fb950; --waiting: #d29922; --refused: #ab7df8; --failed: #f85149; --idle: #9198a1; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 100rem; background: var(--back); color: var(--text); font: 14px/1.45 system-ui, sans-serif; }
h1 { font-size: 1.25rem; margin: 0; } h2 { font-size: 1rem; } p { margin: .25rem 0; }
ol, ul { list-style: none; margin: 0; padding: 0; }
code, time { font: .9em ui-monospace, monospace; }
a { color: inherit; text-decoration: none; } a:focus-visible, .story:focus-visible { outline: 2px solid var(--ready); outline-offset: -2px; }
header { display: flex; flex-wrap: wrap; gap: .25rem 1.5rem; align-items: baseline; border-bottom: 1px solid var(--rule); padding-bottom: .5rem; }
.legend, .version, .where { color: var(--soft); } .legend > span { margin-right: .5rem; white-space: nowrap; }
.notice { width: 100%; color: var(--waiting); }
.ready { color: var(--ready); } .waiting { color: var(--waiting); } .refused { color: var(--refused); } .failed { color: var(--failed); } .idle { color: var(--idle); }
.problems { border-left: 4px solid var(--failed); padding: .25rem .75rem; background: var(--panel); white-space: pre-wrap; overflow-wrap: anywhere; font: .9em/1.5 ui-monospace, monospace; }
.troubles a { text-decoration: underline; text-decoration-color: var(--rule); margin-left: .5rem; }
.host { display: grid; grid-template-columns: minmax(20rem, 1fr) ${LINES}px minmax(14rem, 24rem); margin: 1rem 0; min-height: var(--height); }
.devices li { height: ${ROW}px; padding-left: calc(var(--depth) * 1.25rem); }
.devices a { display: flex; gap: .5rem; align-items: baseline; height: ${ROW}px; padding: 4px 6px; white-space: nowrap; overflow: hidden; }
.devices .name { color: var(--text); overflow: hidden; text-overflow: ellipsis; } .devices .where { margin-left: auto; }
.devices .idle .name { color: var(--soft); }
.devices a:hover, .domains a:hover { background: var(--panel); }
.domains { position: relative; } .domains li { position: absolute; top: var(--top); left: 0; right: 0; height: ${BOX}px; }
.domains a { display: block; height: ${BOX}px; padding: 7px 12px; border: 1px solid var(--rule); border-left: 4px solid currentColor; border-radius: 4px; overflow: hidden; }
.domains strong { color: var(--text); } .domains .where { display: block; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.lines { display: block; overflow: visible; } .line { vertical-align: middle; } .lines path, .line path { fill: none; stroke: currentColor; stroke-width: 2; }
:is(.lines, .line) .wanted { stroke-dasharray: 6 4; } :is(.lines, .line) .held { stroke-dasharray: 2 6; } :is(.lines, .line) .leaving { stroke-dasharray: 1 4; stroke-linecap: round; }
.events ol { max-height: 22rem; overflow: auto; } .events li { padding: 1px 0; color: var(--text); border-bottom: 1px solid var(--rule); }
.events li > span, .events li > strong { color: inherit; }
.story { display: none; } .story:target, .story.open { display: block; position: fixed; inset: 0 0 0 auto; width: min(58rem, 100%); overflow: auto;
  padding: 1rem 1.25rem; background: var(--panel); border-left: 1px solid var(--rule); box-shadow: 0 0 2rem #0006; }
.story pre { white-space: pre-wrap; overflow-wrap: anywhere; font: .9em/1.5 ui-monospace, monospace; }
.close { float: right; } .close a { text-decoration: underline; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
@media (max-width: 56rem) { .host { display: block; } .lines { display: none; } .domains li { position: static; margin: .25rem 0; } .devices .where { display: none; } }
@media print { .story { display: block; position: static; box-shadow: none; break-inside: avoid; } .close { display: none; } }
`;
