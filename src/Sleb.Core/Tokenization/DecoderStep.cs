namespace Sleb.Core.Tokenization;

/// <summary>One step from tokens to text: told who comes next, it returns who takes its tokens; null ends the sequence.</summary>
internal delegate Action<string?> DecoderStep(Action<string?> next);
