"""How report.html looks: light and dark, on a desk and on a phone."""

STYLE = """
:root{color-scheme:light;--page:#f5f6f8;--card:#fff;--ink:#1b1f24;--soft:#59636e;--line:#d6dbe1;
--accent:#0b5fbd;--on:#fff;--warn:#9a3b00;--tint:#eef2f7}
:root[data-theme=dark]{color-scheme:dark;--page:#121519;--card:#1b1f25;--ink:#e7eaee;--soft:#9ba6b2;
--line:#353c45;--accent:#74b4ff;--on:#10141a;--warn:#ffb27a;--tint:#262c34}
*{box-sizing:border-box}
[hidden]{display:none!important}
html{scroll-padding-top:.5rem}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,-apple-system,
"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;overflow-wrap:break-word}
header,main{max-width:1240px;margin:0 auto;padding:0 16px}
header{padding-top:20px}
header p{max-width:80ch;margin:.5rem 0}
.title{display:flex;align-items:center;justify-content:space-between;gap:12px}
h1{font-size:1.55rem;line-height:1.2;margin:0;letter-spacing:-.01em}
h2{font-size:1.1rem;margin:0 0 10px}
section{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:16px;
margin:16px 0}
a{color:var(--accent)}
code{font:12.5px/1.45 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;overflow-wrap:anywhere}
.note{color:var(--soft);font-size:13px;margin:.5rem 0}
.trouble{color:var(--warn);font-weight:600}
.tag{font-size:11px;font-weight:400;color:var(--soft);border:1px solid var(--line);
border-radius:99px;padding:0 6px;white-space:nowrap}
.swatch{display:inline-block;width:11px;height:11px;border-radius:3px;margin-right:7px}
.wide{overflow-x:auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:14px}
#summary{min-width:100%}
th,td{padding:6px 12px;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}
tr>:first-child{padding-left:2px}
thead th{vertical-align:bottom;font-weight:600;color:var(--soft);font-size:13px}
th[scope=row],.left th,.left td{text-align:left;font-weight:400}
th[scope=row]{position:sticky;left:0;background:var(--card);max-width:46vw;overflow:hidden;
text-overflow:ellipsis}
tbody tr:last-child>*{border-bottom:0}
tbody tr:hover>*{background:var(--tint)}
.left td,.facts th{white-space:normal;overflow-wrap:anywhere;vertical-align:top}
.facts th{min-width:12ch;max-width:30ch;color:var(--soft);position:static}
.facts{width:100%}
thead th:first-child{text-align:left}
th button{all:unset;cursor:pointer;text-align:inherit;border-radius:3px}
th button:hover{color:var(--ink)}
th button:focus-visible,a:focus-visible,canvas:focus-visible,summary:focus-visible
{outline:2px solid var(--accent);outline-offset:2px}
th button::after{content:"";display:inline-block;width:1.1em;text-align:right}
th[aria-sort=descending] button::after{content:"▾"}
th[aria-sort=ascending] button::after{content:"▴"}
u{text-underline-offset:3px}
figure{margin:14px 0 0}
.paper{background:#fff;border-radius:8px;padding:8px;width:fit-content;max-width:100%}
.paper img{display:block;max-width:100%;height:auto}
details{margin-top:10px}
summary{cursor:pointer;font-weight:600;margin-bottom:6px}
.bar{display:flex;flex-wrap:wrap;align-items:center;gap:8px;margin-bottom:10px}
.bar label{display:inline-flex;align-items:center;gap:6px}
button,select,output{font:inherit;font-size:14px}
.bar button,.bar select,#theme{background:var(--card);color:var(--ink);border:1px solid var(--line);
border-radius:7px;padding:5px 11px;min-height:34px;max-width:100%}
.bar button,#theme{cursor:pointer}
.bar button:hover,#theme:hover{background:var(--tint)}
.bar button:focus-visible,#theme:focus-visible,select:focus-visible,input:focus-visible
{outline:2px solid var(--accent);outline-offset:1px}
button[aria-pressed=true]{background:var(--accent)!important;border-color:var(--accent)!important;
color:var(--on)!important}
#theme{white-space:nowrap;flex:none}
#scene{max-width:min(60vw,420px)}
input[type=range]{accent-color:var(--accent);min-width:0}
#views,#strips{display:grid;gap:12px;
grid-template-columns:repeat(auto-fill,minmax(min(100%,270px),1fr))}
.view{margin:0;min-width:0}
.view canvas,.stage canvas{display:block;width:100%;background:var(--tint);border-radius:6px;
touch-action:pan-y;cursor:zoom-in}
.zoomed canvas{touch-action:none;cursor:grab}
.view figcaption{display:flex;justify-content:space-between;gap:8px;font-size:13px;padding-top:4px}
.view figcaption span:first-child{overflow:hidden;text-overflow:ellipsis;white-space:nowrap;
font-weight:600}
.view figcaption span:last-child{color:var(--soft);white-space:nowrap;
font-variant-numeric:tabular-nums}
#error-bar{display:flex;align-items:center;gap:8px}
#error-bar canvas{width:min(256px,40vw);height:10px;border-radius:3px}
.stage{position:relative;max-width:960px;margin:0 auto}
.stage canvas{cursor:ew-resize;touch-action:pan-y}
#handle{position:absolute;top:0;bottom:0;width:2px;margin-left:-1px;background:#fff;
box-shadow:0 0 0 1px rgba(0,0,0,.55);pointer-events:none}
#handle::after{content:"◂▸";position:absolute;top:50%;left:50%;transform:translate(-50%,-50%);
background:#fff;color:#222;border-radius:99px;padding:3px 7px;font-size:12px;letter-spacing:2px;
box-shadow:0 0 0 1px rgba(0,0,0,.4)}
#split{display:block;width:100%;max-width:960px;margin:8px auto}
#slices .bar input{flex:1}
#truth-row{max-width:420px;margin-bottom:12px}
.controls{position:sticky;bottom:0;background:var(--card);border-top:1px solid var(--line);
padding:8px 0;margin:12px 0 10px;z-index:2}
#at{flex:1 1 120px}
#now{min-width:9.5em;font-variant-numeric:tabular-nums;font-size:13px;color:var(--soft)}
#play{min-width:44px}
#curves svg{display:block;width:100%;cursor:crosshair;touch-action:pan-y}
#curves text{fill:var(--soft);font-size:12px}
#curves .grid{stroke:var(--line)}
#curves .cursor{stroke:var(--ink);stroke-dasharray:3 3}
#reading{display:flex;flex-wrap:wrap;gap:2px 16px;min-height:1.5em;
font-variant-numeric:tabular-nums}
#reading .swatch{margin-right:5px}
@media (max-width:640px){
body{font-size:14px}
header,main{padding:0 10px}
header{padding-top:12px}
section{padding:12px 10px;margin:10px 0}
h1{font-size:1.25rem}
th,td{padding:6px 8px}
#views,#strips{grid-template-columns:repeat(2,minmax(0,1fr));gap:8px}
.view figcaption{flex-direction:column;gap:0;font-size:12px}
#at{order:-1;flex-basis:100%}
#now{order:-1;flex-basis:100%;text-align:center}
.keys{display:none}
}
@media print{.controls,#modes,#theme{display:none}section{break-inside:avoid}}
"""
