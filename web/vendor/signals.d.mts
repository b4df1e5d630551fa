export { useComputed, useModel, useSignal, useSignalEffect } from '@preact/signals';
