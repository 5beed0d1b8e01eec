// The sizes and colours of a product, one to be chosen. What is sold out stays there, and says so.

import { arrange, element, flash, say } from './dom.js';
import { HAS, left, levelWord } from './words.js';

const SIZE = /^(size|größe|taille|length|width|volume)$/i;
const LETTERS = ['xxs', 'xs', 's', 'm', 'l', 'xl', 'xxl', '3xl', 'xxxl', '4xl'];

/** Sizes as people order them: by number, or from XS to XXL; other words as they come. */
function bySize(a, b) {
    const [x, y] = [Number.parseFloat(a), Number.parseFloat(b)];
    if (!Number.isNaN(x) && !Number.isNaN(y) && x !== y) return x - y;
    const [i, j] = [LETTERS.indexOf(a.toLowerCase()), LETTERS.indexOf(b.toLowerCase())];
    return i >= 0 && j >= 0 ? i - j : a.localeCompare(b, 'en', { numeric: true });
}

const distinct = (values) => [...new Set(values)];

/** Which option goes across, which ones down: {across: 'size', down: ['colour']}. */
function axes(variants) {
    const names = distinct(variants.flatMap((variant) => Object.keys(variant.options ?? {})));
    const across = names.find((name) => SIZE.test(name)) ?? names.at(-1);
    return { across, down: names.filter((name) => name !== across) };
}

const rowOf = (variant, down) => down.map((name) => variant.options?.[name] ?? '').filter(Boolean).join(', ');

/** "black, 42": what tells a variant from the others. */
export function variantWord(variant) {
    return Object.values(variant?.options ?? {}).join(', ');
}

const FEW = 3; // said only when there are no more: what there is plenty of needs no word

function stateOf(variant) {
    if (HAS.has(variant.level)) return variant.available <= FEW ? left(variant.available, variant.capped) : levelWord('in_stock').toLowerCase();
    return levelWord(variant.level ?? 'out_of_stock').toLowerCase();
}

/** `choose(sku)` when another variant was chosen. `.show(variants, sku)` draws; the same product again changes only what differs. */
export function variantMatrix(parent, choose) {
    const chips = new Map(); // sku → its nodes
    let shape = '';

    function chip(variant, across) {
        const state = element('span', { class: 'chip-state' });
        const input = element('input', {
            type: 'radio', name: 'variant', value: variant.sku, id: `variant-${chips.size}`, on: { change: () => choose(variant.sku) },
        });
        const label = element('label', { class: 'chip', for: input.id },
            element('span', { class: 'chip-name' }, variant.options?.[across] ?? variant.name ?? variant.sku), element('span', { class: 'unseen' }, ', '), state);
        chips.set(variant.sku, { input, label, state });
        return element('div', { class: 'chip-cell' }, input, label);
    }

    function build(variants) {
        const { across, down } = axes(variants);
        const columns = distinct(variants.map((variant) => variant.options?.[across] ?? '')).sort(bySize);
        chips.clear();
        const rows = distinct(variants.map((variant) => rowOf(variant, down))).map((row, i) => {
            const here = variants.filter((variant) => rowOf(variant, down) === row);
            const cells = columns.flatMap((column) => { // two may have the same options: both can be chosen
                const those = here.filter((variant) => (variant.options?.[across] ?? '') === column);
                return those.length ? those.map((variant) => chip(variant, across)) : [element('div', { class: 'chip-cell' })];
            });
            return element('div', { class: 'matrix-row', role: 'group', 'aria-labelledby': row ? `matrix-row-${i}` : undefined },
                row && element('div', { class: 'matrix-name', id: `matrix-row-${i}` }, row), element('div', { class: 'chips' }, cells));
        });
        const legend = element('legend', { class: 'label' }, [...down, across].filter(Boolean).map(word).join(' and ') || 'Variant');
        arrange(parent, [element('fieldset', { class: 'matrix' }, legend, rows)]);
    }

    const word = (name, i) => (i ? name.toLowerCase() : name.charAt(0).toUpperCase() + name.slice(1));

    return {
        show(variants, sku) {
            const now = JSON.stringify(variants.map((variant) => [variant.sku, variant.options]));
            const fresh = now !== shape;
            if (fresh) build(variants);
            shape = now;
            for (const variant of variants) {
                const { input, label, state } = chips.get(variant.sku);
                const text = stateOf(variant);
                if (!fresh && state.textContent !== text) flash(label);
                say(state, text);
                label.className = label.className.replace(/ is-\w+/g, '');
                label.classList.add(`is-${variant.level ?? 'out_of_stock'}`);
                state.classList.toggle('unseen', HAS.has(variant.level) && variant.available > FEW);
                input.checked = variant.sku === sku;
            }
        },
        clear() {
            shape = '';
            parent.replaceChildren();
        },
    };
}
