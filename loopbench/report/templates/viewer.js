"use strict";
(() => {
  const ROW = 48; // height of an item, as in the style sheet
  const FIRST = 20000; // characters of one stretch shown at once
  const MORE = 100000;
  const HEAD = 3; // repeats shown before and after a fold
  const TAIL = 1;
  const BATCH = 300; // repeats that one click unfolds
  const MARKS = 2000; // search hits marked in the open trace

  const byId = (id) => document.getElementById(id);
  const { series, traces } = JSON.parse(byId("data").textContent);
  const list = byId("list"), spacer = byId("spacer"), detail = byId("trace");
  const search = byId("search");
  // Characters that are invisible, or that change what others look like: shown as codes.
  const CONTROL = /(?![\n\t\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

  let shown = []; // indices of traces that pass the filters
  let at = -1; // position of the open trace in `shown`
  let opened = -1; // its index, to keep it open while filters change
  let unfolded = false;
  let pattern = null;

  function make(tag, cls, text) {
    const element = document.createElement(tag);
    if (cls) element.className = cls;
    if (text !== undefined) put(element, text);
    return element;
  }

  // Model text becomes text nodes only: nothing in it can be markup.
  function put(parent, text) {
    let last = 0;
    for (const match of text.matchAll(CONTROL)) {
      if (match.index > last) parent.append(text.slice(last, match.index));
      const code = match[0].codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
      const mark = document.createElement("span");
      mark.className = "ctl";
      mark.textContent = code;
      mark.title = "U+" + code;
      parent.append(mark);
      last = match.index + match[0].length;
    }
    if (last < text.length) parent.append(text.slice(last));
  }

  // Never between the two halves of a character.
  function whole(text, place) {
    const unit = text.charCodeAt(place - 1);
    return place < text.length && unit >= 0xd800 && unit < 0xdc00 ? place - 1 : place;
  }

  // A stretch of any length: the rest comes on demand, so that a line of megabytes stays quick.
  function stretch(parent, text, size = FIRST) {
    if (text.length <= size) return put(parent, text);
    const cut = whole(text, size);
    put(parent, text.slice(0, cut));
    const left = text.length - cut;
    const button = make("button", "more", `${left.toLocaleString("en")} more characters`);
    button.type = "button";
    button.onclick = () => {
      const rest = document.createDocumentFragment();
      stretch(rest, text.slice(cut), MORE);
      button.replaceWith(rest);
      mark();
    };
    parent.append(button);
  }

  function blocks(parent, text, cuts, from, to) {
    for (let i = from; i < to; i += 1) {
      const block = document.createElement("span");
      block.className = i % 2 ? "b" : "a";
      stretch(block, text.slice(cuts[i], cuts[i + 1]));
      parent.append(block);
    }
  }

  function repeats(parent, text, cuts) {
    const count = cuts.length - 1;
    const last = count - TAIL;
    if (count <= HEAD + TAIL + 1) return blocks(parent, text, cuts, 0, count);
    blocks(parent, text, cuts, 0, HEAD);
    let next = HEAD;
    const fold = make("button", "fold");
    fold.type = "button";
    const label = () => { fold.textContent = `× ${last - next} more repeats · unfold`; };
    const grow = () => {
      const some = document.createDocumentFragment();
      const end = Math.min(last, next + BATCH);
      blocks(some, text, cuts, next, end);
      next = end;
      fold.before(some);
      if (next === last) fold.remove();
      else label();
    };
    fold.onclick = () => { grow(); unfolded = true; mark(); };
    label();
    parent.append(fold);
    if (unfolded) grow();
    blocks(parent, text, cuts, last, count);
  }

  // Rounds are not alike: nothing is folded, and one of them is marked for its length.
  function turns(parent, text, loop) {
    const last = loop.cuts.length - 2;
    blocks(parent, text, loop.cuts, 0, last || 1);
    if (!last) return;
    parent.append(make("span", "turn", `↻ about one round · ${loop.period} tokens`));
    blocks(parent, text, loop.cuts, last, last + 1);
  }

  function output(trace) {
    const pre = make("pre", "out");
    const loop = trace.loop;
    if (!loop) {
      stretch(pre, trace.text);
      return pre;
    }
    const cuts = loop.cuts;
    const begin = cuts[0], end = cuts[cuts.length - 1];
    stretch(pre, trace.text.slice(0, begin));
    const round = loop.kind === "circular";
    const begins = round ? "goes round from about token" : "loop begins · token";
    pre.append(make("span", "onset", `▼ ${begins} ${loop.onset}`));
    const span = make("span", "loop");
    if (round) turns(span, trace.text, loop);
    else repeats(span, trace.text, cuts);
    pre.append(span);
    stretch(pre, trace.text.slice(end));
    return pre;
  }

  const ENDS = { stop: "ended by itself", length: "hit the budget", loop: "stopped early", error: "failed", unknown: "ended, why is not known" };

  function facts(trace) {
    const grade = trace.correct === null ? "not graded" : trace.correct ? "right" : "wrong";
    const score = trace.score === null ? "" : ` (score ${Number(trace.score.toFixed(3))})`;
    const lines = [
      `${trace.outcome} · ${trace.tokens} tokens, ${ENDS[trace.finish]} · ${grade}${score}` +
        (trace.problem && trace.problem !== grade ? ` · ${trace.problem}` : ""),
    ];
    const loop = trace.loop;
    if (loop && loop.kind === "circular") {
      const said = ["goes round from about token " + loop.onset + (loop.left ? ", and leaves that" : "")];
      said.push(`about ${loop.period} tokens a round`);
      // The score is of the output's end: of a stretch that was left it says nothing.
      if (!loop.left && loop.score !== null)
        said.push(`${Math.round(100 * loop.score)} % of the last words said again`);
      lines.push([...said, loop.detector].join(" · "));
    } else if (loop) {
      const size = loop.period === null ? "" : `, period ${loop.period} tokens × ${loop.repeats}`;
      lines.push(`${loop.kind} loop from token ${loop.onset}${size} · ${loop.detector}`);
    }
    if (trace.error) lines.push(trace.error);
    return lines;
  }

  function render() {
    detail.replaceChildren();
    detail.scrollTop = 0;
    if (opened < 0) {
      detail.append(make("p", "soft", "No output passes these filters."));
      return;
    }
    const trace = traces[opened];
    const title = make("h3");
    title.append(make("span", `dot ${trace.outcome}`));
    put(title, `${trace.task} · ${trace.sample}` + (trace.repeat ? ` · repeat ${trace.repeat}` : ""));
    detail.append(title, make("p", "soft", series[trace.series]));
    for (const line of facts(trace)) detail.append(make("p", "", line));
    const asked = make("details");
    asked.append(make("summary", "", "prompt"));
    const prompt = make("pre");
    stretch(prompt, trace.prompt);
    asked.append(prompt);
    // A prompt that holds the search's only hit must not hide it.
    asked.open = pattern !== null && !pattern.test(trace.text);
    detail.append(asked, make("h4", "", "output"), output(trace));
    mark();
  }

  function mark() {
    if (!window.CSS || !CSS.highlights) return;
    CSS.highlights.delete("found");
    if (!pattern) return;
    const everywhere = new RegExp(pattern.source, "gi");
    const ranges = [];
    const walker = document.createTreeWalker(detail, NodeFilter.SHOW_TEXT);
    while (walker.nextNode() && ranges.length < MARKS) {
      const node = walker.currentNode;
      if (!node.parentElement.closest("pre")) continue;
      for (const match of node.data.matchAll(everywhere)) {
        const range = new Range();
        range.setStart(node, match.index);
        range.setEnd(node, match.index + match[0].length);
        ranges.push(range);
        if (ranges.length >= MARKS) break;
      }
    }
    CSS.highlights.set("found", new Highlight(...ranges));
  }

  // Only the items that can be seen exist.
  function draw() {
    const first = Math.max(0, Math.floor(list.scrollTop / ROW) - 4);
    const last = Math.min(shown.length, first + Math.ceil(list.clientHeight / ROW) + 8);
    const items = [];
    for (let i = first; i < last; i += 1) {
      const trace = traces[shown[i]];
      const item = make("div", "item");
      item.id = `item-${shown[i]}`;
      item.setAttribute("role", "option");
      item.setAttribute("aria-selected", String(i === at));
      item.setAttribute("aria-posinset", String(i + 1));
      item.setAttribute("aria-setsize", String(shown.length));
      item.style.top = `${i * ROW}px`;
      item.onclick = () => choose(i);
      const head = make("div");
      head.append(make("span", `dot ${trace.outcome}`));
      put(head, `${trace.outcome} · ${trace.task}`);
      const loop = trace.loop;
      const about = [`${trace.tokens} tokens`];
      if (loop) about.push(`${loop.kind} from ${loop.onset}`);
      if (series.length > 1) about.push(series[trace.series]);
      const line = make("div");
      line.append(make("small", "", about.join(" · ")));
      item.append(head, line);
      items.push(item);
    }
    spacer.replaceChildren(...items);
  }

  function choose(position) {
    at = Math.max(0, Math.min(shown.length - 1, position));
    const before = opened;
    opened = shown.length ? shown[at] : -1;
    if (opened !== before) unfolded = false;
    if (at * ROW < list.scrollTop) list.scrollTop = at * ROW;
    const below = (at + 1) * ROW - list.clientHeight;
    if (below > list.scrollTop) list.scrollTop = below;
    draw();
    if (opened >= 0) list.setAttribute("aria-activedescendant", `item-${opened}`);
    else list.removeAttribute("aria-activedescendant");
    render();
  }

  function filter() {
    const outcome = byId("by-outcome").value, task = byId("by-task").value;
    const one = byId("by-series").value;
    const text = search.value;
    pattern = text ? new RegExp(text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&"), "i") : null;
    shown = [];
    traces.forEach((trace, i) => {
      if (outcome && trace.outcome !== outcome) return;
      if (task && trace.task !== task) return;
      if (one && trace.series !== Number(one)) return;
      if (pattern && !pattern.test(trace.text) && !pattern.test(trace.prompt)) return;
      shown.push(i);
    });
    byId("count").textContent = `${shown.length} of ${traces.length}`;
    spacer.style.height = `${shown.length * ROW}px`;
    choose(Math.max(0, shown.indexOf(opened)));
  }

  function options(select, values, label) {
    select.append(new Option("all", ""));
    for (const value of values) select.append(new Option(label(value), value));
    select.onchange = filter;
  }

  const some = (key) => [...new Set(traces.map((trace) => trace[key]))].sort();
  const count = (key, value) => traces.filter((trace) => trace[key] === value).length;
  options(byId("by-outcome"), some("outcome"), (v) => `${v} (${count("outcome", v)})`);
  options(byId("by-task"), some("task"), (v) => `${v} (${count("task", v)})`);
  options(byId("by-series"), series.map((_, i) => i), (i) => series[i]);
  byId("by-series-label").hidden = series.length < 2;

  let waiting = 0;
  search.oninput = () => {
    clearTimeout(waiting);
    waiting = setTimeout(filter, 120);
  };
  byId("filters").onsubmit = (event) => event.preventDefault();
  list.onscroll = draw;
  new ResizeObserver(draw).observe(list);

  const MOVES = { j: 1, k: -1, ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8, Home: -Infinity, End: Infinity };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const field = event.target.closest("input, select, textarea");
    if (field) {
      if (event.key === "Escape" || (field === search && event.key === "Enter")) list.focus();
      return;
    }
    if (event.key === "/") {
      search.focus();
      search.select();
    } else if (event.key === "u") {
      unfolded = !unfolded;
      render();
    } else if (event.key in MOVES && (event.key.length === 1 || event.target === list)) {
      if (shown.length) choose(at + MOVES[event.key]);
    } else return;
    event.preventDefault();
  });
  // What one came to see: the first stuck output, if there is one.
  const STUCK = ["doom", "circular"];
  opened = Math.max(0, traces.findIndex((trace) => STUCK.includes(trace.outcome)));
  filter();
})();
