// The store finder.

import { keyButton } from './key.js';

keyButton(() => location.reload());
