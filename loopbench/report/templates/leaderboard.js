"use strict";
(() => {
  const board = document.getElementById("board");
  const body = board.tBodies[0];
  const heads = [...board.tHead.rows[0].cells];
  const selects = [...document.querySelectorAll("#filters select")];
  const rows = [...body.rows];

  function filter() {
    let shown = 0;
    for (const row of rows) {
      row.hidden = selects.some((s) => s.value !== "" && row.dataset[s.dataset.field] !== s.value);
      shown += row.hidden ? 0 : 1;
    }
    document.getElementById("count").textContent = `${shown} of ${rows.length}`;
  }

  function sort(column) {
    const head = heads[column];
    const number = head.dataset.sort === "number";
    // Numbers: the largest first; names: from the start of the alphabet.
    const first = number ? "descending" : "ascending";
    const other = number ? "ascending" : "descending";
    const order = head.getAttribute("aria-sort") === first ? other : first;
    for (const one of heads) one.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", order);
    const sign = order === "ascending" ? 1 : -1;
    const value = (row) => row.cells[column].dataset.value;
    rows.sort((a, b) => sign * (number ? value(a) - value(b) : value(a).localeCompare(value(b))));
    body.append(...rows);
  }

  heads.forEach((head, i) => { head.querySelector("button").onclick = () => sort(i); });
  for (const select of selects) select.onchange = filter;
  document.getElementById("filters").onsubmit = (event) => event.preventDefault();
})();
