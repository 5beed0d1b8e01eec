// The key that a server with keys wants: pasted once, kept for this tab, sent with every question.

import { byId, element, say } from './dom.js';

const KEPT = 'onhand.key';
let asking = null; // the answer that everybody waits for while the dialog is open

export const key = () => sessionStorage.getItem(KEPT) ?? '';

function keep(text) {
    if (text) sessionStorage.setItem(KEPT, text);
    else sessionStorage.removeItem(KEPT);
    showWhether();
}

function build() {
    const input = element('input', {
        class: 'input', id: 'key-input', name: 'key', type: 'password', autocomplete: 'off', spellcheck: 'false', 'aria-describedby': 'key-why',
    });
    const form = element('form', { method: 'dialog' },
        element('h2', { id: 'key-title' }, 'Key'),
        element('p', { id: 'key-why', class: 'soft' }),
        element('div', { class: 'field' }, element('label', { for: 'key-input' }, 'Paste a key'), input),
        element('div', { class: 'buttons' },
            element('button', { class: 'button first', value: 'use' }, 'Use this key'),
            element('button', { class: 'button', value: 'forget' }, 'Forget it'),
            element('button', { class: 'button plain', value: '' }, 'Cancel')));
    return element('dialog', { id: 'key-dialog', 'aria-labelledby': 'key-title' }, form);
}

/** Opens the dialog. True: there is another key now than before. */
export function askForKey(why = 'A server with keys wants one. It stays in this tab and goes to this server only.') {
    asking ??= new Promise((answered) => {
        const dialog = byId('key-dialog') ?? document.body.appendChild(build());
        const input = byId('key-input');
        const before = key();
        input.value = '';
        say(byId('key-why'), why);
        dialog.returnValue = '';
        dialog.addEventListener('close', () => {
            if (dialog.returnValue === 'use' && input.value.trim()) keep(input.value.trim());
            if (dialog.returnValue === 'forget') keep('');
            asking = null;
            answered(key() !== before);
        }, { once: true });
        dialog.showModal();
    });
    return asking;
}

function showWhether() {
    const button = byId('key-button');
    if (button) say(button, key() ? 'Key set' : 'Key');
}

/** Gives the page's key button (#key-button) its job; `changed` is called when another key was given. */
export function keyButton(changed) {
    showWhether();
    byId('key-button').addEventListener('click', async () => {
        if (await askForKey()) changed();
    });
}
