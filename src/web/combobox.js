// An input that proposes: type, go through what is proposed with the arrows, take with Enter. (ARIA's combobox with a listbox.)

import { element, replace, say, settled } from './dom.js';

/**
 * Makes `input` one. `find(text, signal)` → a promise of [{title, note, badge, value}], `take(value)` is called with what was taken.
 * `whole(text)` → a value for text that needs no proposal, or undefined.
 */
export function combobox(input, { find, take, whole = () => undefined, none = 'Nothing of that name' }) {
    const list = element('ul', { class: 'proposals', id: `${input.id}-list`, role: 'listbox', 'aria-label': input.labels[0]?.textContent ?? '', hidden: true });
    const told = element('div', { class: 'unseen', role: 'status' });
    let proposals = [];
    let active = -1;
    let asking = new AbortController();

    input.setAttribute('role', 'combobox');
    input.setAttribute('aria-autocomplete', 'list');
    input.setAttribute('aria-expanded', 'false');
    input.setAttribute('aria-controls', list.id);
    input.setAttribute('autocomplete', 'off');
    input.after(list, told);

    function open(on) {
        list.hidden = !on;
        input.setAttribute('aria-expanded', String(on));
        if (!on) activate(-1);
    }

    function activate(index) {
        active = index;
        [...list.children].forEach((option, i) => option.setAttribute('aria-selected', String(i === active)));
        if (active >= 0) {
            input.setAttribute('aria-activedescendant', list.children[active].id);
            list.children[active].scrollIntoView({ block: 'nearest' });
        } else {
            input.removeAttribute('aria-activedescendant');
        }
    }

    function choose(value) {
        searchSoon.stop();
        asking.abort();
        open(false);
        say(told, '');
        take(value);
    }

    const option = (proposal, index) => element('li', {
        class: 'proposal', id: `${input.id}-${index}`, role: 'option', 'aria-selected': 'false',
        on: { pointerdown: (event) => event.preventDefault(), click: () => choose(proposal.value) },
    }, element('span', { class: 'proposal-title' }, proposal.title), proposal.note && element('span', { class: 'soft small' }, proposal.note));

    function show(found) {
        proposals = found;
        active = -1;
        input.removeAttribute('aria-activedescendant');
        replace(list, found.length ? found.map(option)
            : element('li', { class: 'proposal soft', role: 'option', 'aria-disabled': 'true', 'aria-selected': 'false' }, none));
        open(true);
        say(told, found.length ? `${found.length} found` : none);
    }

    async function search() {
        const text = input.value.trim();
        asking.abort();
        asking = new AbortController();
        if (!text) {
            open(false);
            return;
        }
        const { signal } = asking;
        try {
            const found = await find(text, signal);
            if (!signal.aborted) show(found);
        } catch (error) {
            if (signal.aborted) return;
            proposals = [];
            replace(list, element('li', { class: 'proposal soft', role: 'option', 'aria-disabled': 'true', 'aria-selected': 'false' }, error.message));
            open(true);
            say(told, error.message);
        }
    }

    const searchSoon = settled(search, 120);

    async function enter() {
        const value = whole(input.value);
        if (active < 0 && value === undefined && !proposals.length) await search();
        if (active >= 0) choose(proposals[active].value);
        else if (value !== undefined) choose(value);
        else if (proposals.length && input.value.trim()) choose(proposals[0].value);
    }

    const keys = {
        ArrowDown: () => (list.hidden ? search() : activate((active + 1) % Math.max(proposals.length, 1))),
        ArrowUp: () => activate(active <= 0 ? proposals.length - 1 : active - 1),
        Enter: enter,
        Escape: () => open(false),
    };

    input.addEventListener('keydown', (event) => {
        if (!keys[event.key] || event.isComposing || (event.key === 'ArrowUp' && list.hidden)) return;
        event.preventDefault();
        if (proposals.length || !event.key.startsWith('Arrow') || list.hidden) keys[event.key]();
    });
    input.addEventListener('input', () => {
        proposals = [];
        searchSoon();
    });
    input.addEventListener('blur', () => open(false));
    input.addEventListener('focus', () => input.select());
}
