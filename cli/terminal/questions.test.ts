import { expect, test } from 'vitest';
import { createQuestions } from './questions.ts';

test('one after the other, and what is drawn gives way before the first', async () => {
  const seen: string[] = [];
  const answers = [Promise.withResolvers<string>(), Promise.withResolvers<string>()];
  const questions = createQuestions(question => {
    seen.push(question);
    return answers[seen.filter(each => each !== 'gave way').length - 1]!.promise;
  });
  const forget = questions.onOpen(() => seen.push('gave way'));
  expect(questions.isOpen).toBe(false);
  const [first, second] = [questions.ask('one? '), questions.ask('two? ')];
  expect(questions.isOpen).toBe(true);
  answers[0]!.resolve('1');
  expect(await first).toBe('1');
  expect(questions.isOpen).toBe(true);
  answers[1]!.resolve('2');
  expect(await second).toBe('2');
  expect(questions.isOpen).toBe(false);
  expect(seen).toEqual(['gave way', 'one? ', 'two? ']);
  forget();
});

test('one that fails is no end of them', async () => {
  const questions = createQuestions(async question => {
    if (question === 'one? ') throw new Error('EIO');
    return 'two';
  });
  const [first, second] = [questions.ask('one? '), questions.ask('two? ')];
  await expect(first).rejects.toThrow('EIO');
  expect(await second).toBe('two');
  expect(questions.isOpen).toBe(false);
});
