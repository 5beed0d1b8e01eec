// A table that is sorted by its headings, keeps its rows by key, and lets what has changed light up.

import { element, flash, replace } from './dom.js';

const compare = (a, b) => {
    if (typeof a === 'number' && typeof b === 'number') return a - b;
    return String(a ?? '').localeCompare(String(b ?? ''), 'en', { numeric: true });
};

/**
 * Columns: {id, title, meaning (when pointed at), value(row) → what is sorted by, cell(row) → text or nodes (default: the value), number, head (the row's heading),
 * total(rows) → text}. `sorted(by, down)` is told when a heading was used. Returns {node, show(rows), put(row), rows()}.
 */
export function sheet({ caption, columns, key, by = '', down = false, sorted = () => {}, empty = 'Nothing', sortable = true }) {
    const order = { by, down };
    const shown = new Map(); // key → {row, line, said: texts of its cells}
    const heads = new Map();
    const body = element('tbody');
    const foot = element('tfoot');
    const hasTotals = columns.some((column) => column.total);

    function heading(column) {
        const cell = element('th', { scope: 'col', class: column.number ? 'number' : '', title: column.meaning });
        if (sortable && column.value) {
            cell.append(element('button', { type: 'button', class: 'sort', on: { click: () => sortBy(column) } }, column.title));
            heads.set(column.id, cell);
        } else {
            cell.append(column.title);
        }
        return cell;
    }

    const node = element('table', { class: 'table sheet' }, element('caption', { class: 'unseen' }, caption),
        element('thead', {}, element('tr', {}, columns.map(heading))), body, hasTotals && foot);

    const contents = (column, row) => [column.cell ? column.cell(row) : column.value(row)].flat(Infinity)
        .filter((part) => part !== undefined && part !== null && part !== false);

    function lineOf(row) {
        const cells = columns.map((column) => element(column.head ? 'th' : 'td',
            { scope: column.head && 'row', class: column.number ? 'number' : column.class }, contents(column, row)));
        return { row, line: element('tr', {}, cells), said: cells.map((cell) => cell.textContent) };
    }

    function arrange() {
        const column = columns.find((one) => one.id === order.by);
        const all = [...shown.values()];
        if (column) all.sort((a, b) => (order.down ? -1 : 1) * compare(column.value(a.row), column.value(b.row)));
        replace(body, all.length ? all.map((one) => one.line)
            : element('tr', { class: 'none' }, element('td', { colspan: columns.length, class: 'empty' }, empty)));
        for (const [id, cell] of heads) cell.setAttribute('aria-sort', id === order.by ? (order.down ? 'descending' : 'ascending') : 'none');
    }

    function sortBy(column) {
        order.down = order.by === column.id ? !order.down : Boolean(column.number);
        order.by = column.id;
        arrange();
        sorted(order.by, order.down);
    }

    function sum() {
        const rows = [...shown.values()].map((one) => one.row);
        replace(foot, rows.length > 1 && element('tr', {}, columns.map((column, i) => (i ? element('td', { class: column.number ? 'number' : '' },
            column.total?.(rows)) : element('th', { scope: 'row' }, column.total?.(rows))))));
    }

    return {
        node,
        show(rows) {
            shown.clear();
            for (const row of rows) shown.set(key(row), lineOf(row));
            arrange();
            sum();
        },
        /** Replaces a row that is shown; false when it is not. It stays where it is, so that nothing jumps while one reads. */
        put(row) {
            const old = shown.get(key(row));
            if (!old) return false;
            const now = lineOf(row);
            const focused = old.line.contains(document.activeElement) && document.activeElement.getAttribute('href');
            now.said.forEach((text, i) => {
                if (text === old.said[i]) return;
                replace(old.line.children[i], ...now.line.children[i].childNodes);
                flash(old.line.children[i]);
            });
            if (focused) old.line.querySelector(`[href="${CSS.escape(focused)}"]`)?.focus();
            shown.set(key(row), { row, line: old.line, said: now.said });
            sum();
            return true;
        },
        rows: () => [...shown.values()].map((one) => one.row),
    };
}
