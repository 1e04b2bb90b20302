using Sleb.Core.Tokenization;

namespace Sleb.Core.Evaluation;

/// <summary>Asks a model zero-shot questions by the rules of lm-evaluation-harness.</summary>
internal sealed class ZeroShotScorer(ITokenScorer model, HuggingFaceTokenizer tokenizer)
{
    /// <exception cref="InvalidDataException">A choice cannot be scored: it has no token, no context, or does not fit the model.</exception>
    public ItemScore Score(ZeroShotTask task, ZeroShotItem item, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var sequences = item.Choices.Select((choice, i) => Sequence(choice, $"{task.Where(item)}, choice {i}")).ToList();
        var cut = sequences.ConvertAll(sequence => Cut(sequence, task.Where(item)));
        var scores = model.Score(cut, cancellationToken);
        return new(item.Index, item.Gold, [.. scores.Zip(item.Choices, Sum)], IsCut: cut.Zip(sequences).Any(pair => pair.First != pair.Second));
    }

    /// <summary>Both are tokenized together; the continuation's tokens are those behind as many as the context alone has.</summary>
    private ScoredSequence Sequence(ZeroShotChoice choice, string where)
    {
        int[] ids = tokenizer.EncodeBeginning($"{choice.Context} {choice.Continuation}");
        // Spaces at the end of a context belong to the continuation, as they do in the text's own tokens.
        int context = tokenizer.EncodeBeginning(choice.Context.TrimEnd()).Length;
        if (context == 0) throw new InvalidDataException($"{where} has a context without a token, so there is nothing its first token could follow. Give a text before it.");
        if (context >= ids.Length) throw new InvalidDataException($"{where} adds no token to its context, so it cannot be scored. Give another text.");
        int unknown = ids.AsSpan().IndexOfAnyExceptInRange(0, model.VocabSize - 1);
        return unknown < 0 ? new(ids, context)
            : throw new InvalidDataException($"{where} has the token id {ids[unknown]}, but the model knows ids 0 to {model.VocabSize - 1}. Use the tokenizer of this model.");
    }

    /// <summary>What a model cannot read is cut off at the beginning.</summary>
    private ScoredSequence Cut(ScoredSequence sequence, string where)
    {
        int excess = sequence.Ids.Length - (model.ContextLength + 1);
        if (excess <= 0) return sequence;
        return excess < sequence.First ? new(sequence.Ids[excess..], sequence.First - excess)
            : throw new InvalidDataException($"{where} has a continuation of {sequence.Targets} tokens, more than the model's context of {model.ContextLength}. Shorten it.");
    }

    private static ChoiceScore Sum(TokenScore[] tokens, ZeroShotChoice choice) =>
        new(tokens.Sum(token => token.LogProbability), tokens.Length, choice.Bytes, tokens.All(token => token.IsGreedy));
}
