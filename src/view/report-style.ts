/** The report's style sheet: light, dark by the system, and paper. */
export const REPORT_STYLE = `
:root{color-scheme:light dark;--page:#f3f6f7;--card:#fff;--text:#16242b;--soft:#52656f;--line:#cdd8dc;--accent:#0b6e75;--fill:#5f9ea3;--good:#17693c;--warn:#7a4d00;--bad:#a8201a;--tint:#e3f1f1}
@media (prefers-color-scheme:dark){:root{--page:#10181c;--card:#18232a;--text:#e4edf0;--soft:#a4b6be;--line:#2e3e47;--accent:#66c2c4;--fill:#4d8f94;--good:#7fd6a2;--warn:#f0c06a;--bad:#ff9d94;--tint:#17353a}}
*{box-sizing:border-box}
html{scroll-padding-top:56px}
body{margin:0;overflow-wrap:anywhere;background:var(--page);color:var(--text);font:15px/1.5 system-ui,"Segoe UI",Roboto,"Helvetica Neue",sans-serif}
a{color:var(--accent)}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
header,main{max-width:1180px;margin:0 auto;padding:16px 20px}
header h1{margin:0;font-size:26px}
header p{margin:4px 0 0;color:var(--soft)}
nav{position:sticky;top:0;z-index:2;background:var(--card);border-block:1px solid var(--line)}
nav ul{display:flex;gap:4px 18px;flex-wrap:wrap;max-width:1180px;margin:0 auto;padding:10px 20px;list-style:none}
nav a{text-decoration:none;font-weight:500}
nav a:hover{text-decoration:underline}
section{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:16px 20px;margin-bottom:16px}
h2{margin:0 0 10px;font-size:20px}
h3{margin:18px 0 6px;font-size:16px}
p{margin:6px 0 10px;max-width:75ch}
.hint{color:var(--soft)}
.missing{border-left:4px solid var(--warn);padding-left:12px}
code{background:var(--tint);border-radius:4px;padding:1px 5px;font-size:.92em;overflow-wrap:anywhere}
.numbers{display:flex;flex-wrap:wrap;gap:8px 36px;margin:8px 0 14px;padding:0}
.numbers div{display:flex;flex-direction:column-reverse}
.numbers dt{color:var(--soft);font-size:13px}
.numbers dd{margin:0;font-size:22px;font-weight:600}
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,460px),1fr));gap:16px}
figure{margin:0;min-width:0}
.plot{max-width:640px}
figcaption{font-weight:500;margin-bottom:4px}
svg{width:100%;height:auto;display:block;font-size:13px}
svg text{fill:var(--text)}
svg .unit,svg .mark-name{fill:var(--soft)}
svg .axis{stroke:var(--soft)}
svg .grid{stroke:var(--line)}
svg .dots circle{fill:var(--fill);fill-opacity:.75;stroke:var(--card);stroke-width:.6}
svg .median{stroke:var(--text);stroke-width:2.5}
svg .target{fill:var(--bad)}
svg .bars rect{fill:var(--fill)}
svg .mark{stroke:var(--bad);stroke-width:1.5;stroke-dasharray:4 3}
.scroll{overflow-x:auto;max-width:100%}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;margin:6px 0}
caption{text-align:left;font-weight:500;padding-bottom:4px}
th,td{overflow-wrap:normal;text-align:left;padding:4px 18px 4px 0;border-bottom:1px solid var(--line);vertical-align:top}
th{font-weight:500}
td{white-space:nowrap}
thead th{color:var(--soft);font-size:13px}
details{margin:10px 0}
summary{cursor:pointer;color:var(--accent)}
.pictures{display:flex;flex-wrap:wrap;gap:14px 22px;margin:8px 0 18px}
.group{display:grid;grid-template-columns:repeat(var(--pictures),minmax(0,1fr));gap:6px;width:calc(var(--pictures)*214px);max-width:100%}
.pictures img{width:100%;height:auto;display:block;background:#000;border-radius:4px}
.pictures figcaption{font-weight:400;font-size:13px;color:var(--soft);margin:4px 0 0}
.legend{display:flex;flex-wrap:wrap;gap:4px 18px;list-style:none;padding:0;margin:8px 0}
.swatch{display:inline-block;width:12px;height:12px;border-radius:3px;margin-right:6px;vertical-align:-1px}
.findings{padding:0;list-style:none;display:grid;gap:12px}
.findings>li{border-left:4px solid var(--warn);padding-left:12px;overflow-wrap:anywhere}
.findings>.error{border-color:var(--bad)}
.findings p{margin:2px 0}
.good{color:var(--good)}
.poor{color:var(--bad);font-weight:600}
#surface{position:relative;height:min(70vh,560px);background:#0d1015;border-radius:6px;overflow:hidden}
#surface canvas{display:block;width:100%;height:100%;touch-action:none}
#surface-labels{display:flex;flex-wrap:wrap;gap:4px 18px;border:0;padding:0;margin:10px 0}
#surface-labels button{font:inherit;color:var(--accent);background:none;border:1px solid var(--line);border-radius:6px;padding:1px 10px;cursor:pointer}
#surface-labels legend{padding:0;color:var(--soft)}
@media (max-width:600px){header,main{padding:12px 10px}section{padding:12px 12px}nav ul{padding:8px 10px}th,td{padding-right:10px}header h1{font-size:21px}svg{font-size:20px}}
@media print{:root{--page:#fff;--card:#fff;--text:#000;--soft:#333;--line:#bbb;--fill:#777}body{font-size:11pt}nav,details:not([open]){display:none}section{border:0;padding:0;break-inside:auto}figure,tr,.pictures figure{break-inside:avoid}h2,h3{break-after:avoid}}
`;
