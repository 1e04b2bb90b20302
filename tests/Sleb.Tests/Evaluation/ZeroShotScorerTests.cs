using Sleb.Core.Evaluation;
using Sleb.Core.Tokenization;

namespace Sleb.Tests.Evaluation;

/// <summary>Which ids is a model asked about, and what is made of its answers?</summary>
public class ZeroShotScorerTests
{
    private static readonly HuggingFaceTokenizer Tokenizer = HuggingFaceTokenizer.Load(TestFiles.TinyNovels);

    [Fact]
    public void A_continuation_is_what_the_text_has_behind_its_context()
    {
        var model = new Recorder();
        var score = Score(model, new("The door", "opened, and"), new("The door ", "closed"), new("The door\n", " x"));
        foreach (var (asked, (text, context)) in model.Asked.Zip([("The door opened, and", "The door"), ("The door  closed", "The door"), ("The door\n  x", "The door")]))
        {
            Assert.Equal(Tokenizer.Encode(text), asked.Ids);
            Assert.Equal(Tokenizer.Encode(context).Length, asked.First);
        }
        Assert.Equal(model.Asked.Select(asked => -1.0 * asked.Targets), score.Choices.Select(choice => choice.LogProbability));
        Assert.Equal([11, 6, 2], score.Choices.Select(choice => choice.Bytes));
    }

    [Fact]
    public void The_likeliest_choice_counts_the_first_of_equals_and_by_bytes()
    {
        Assert.Equal((true, true), Judge(0, [-1, -2], "ab", "cd"));
        Assert.Equal((false, true), Judge(1, [-3, -4], "ab", "cdef"));
        Assert.Equal((true, false), Judge(0, [-3, -4], "ab", "cdef"));
        Assert.Equal((true, true), Judge(0, [-2, -2], "ab", "cd"));
        Assert.Equal((false, false), Judge(1, [-2, -2], "ab", "cd"));
        Assert.Equal((false, false), Judge(0, [double.NaN, double.NaN], "ab", "cd"));
        Assert.Equal((true, true), Judge(1, [-2, -1], "é", "ab")); // two bytes each

        static (bool, bool) Judge(int gold, double[] values, params string[] texts)
        {
            var item = new ItemScore(0, gold, [.. values.Zip(texts, (value, text) => new ChoiceScore(value, 1, new ZeroShotChoice("", text).Bytes, true))], false);
            return (item.IsCorrect, item.IsCorrectNormalized);
        }
    }

    [Fact]
    public void A_single_choice_is_right_where_every_token_is_the_most_likely()
    {
        Assert.True(Score(new Recorder(), new ZeroShotChoice("The", "door opened")).IsCorrect);
        Assert.False(Score(new Recorder { IsGreedy = position => position > 1 }, new ZeroShotChoice("The", "door opened")).IsCorrect);
    }

    [Fact]
    public void What_is_too_long_loses_its_beginning_and_says_so()
    {
        int[] ids = Tokenizer.Encode("The door opened, and she went away");
        var model = new Recorder { ContextLength = ids.Length - 3 };
        var score = Score(model, new ZeroShotChoice("The door opened, and she went", "away"));
        Assert.True(score.IsCut);
        Assert.Equal(ids[2..], model.Asked.Single().Ids); // the last id is not read
        Assert.False(Score(new Recorder { ContextLength = ids.Length - 1 }, new ZeroShotChoice("The door opened, and she went", "away")).IsCut);
        Refuses("has a continuation of", new Recorder { ContextLength = 2 }, new ZeroShotChoice("The", "door opened, and she went away"));
    }

    [Fact]
    public void What_cannot_be_scored_is_refused_with_its_line()
    {
        Refuses("task.jsonl, line 8, choice 0 has a context without a token", new Recorder(), new ZeroShotChoice(" ", "a"));
        Refuses("task.jsonl, line 8, choice 0 has the token id", new Recorder { VocabSize = 10 }, new ZeroShotChoice("The door", "opened"));
    }

    private static void Refuses(string fault, Recorder model, ZeroShotChoice choice) =>
        Assert.Contains(fault, Assert.Throws<InvalidDataException>(() => Score(model, choice)).Message);

    private static ItemScore Score(Recorder model, params ZeroShotChoice[] choices)
    {
        var item = new ZeroShotItem(7, choices, 0);
        return new ZeroShotScorer(model, Tokenizer).Score(new("task", "task.jsonl", [item]), item, TestContext.Current.CancellationToken);
    }

    /// <summary>Every token costs one nat.</summary>
    private sealed class Recorder : ITokenScorer
    {
        public int ContextLength { get; init; } = 1024;

        public int VocabSize { get; init; } = 2048;

        public Func<int, bool> IsGreedy { get; init; } = _ => true;

        public IReadOnlyList<ScoredSequence> Asked { get; private set; } = [];

        public IReadOnlyList<TokenScore[]> Score(IReadOnlyList<ScoredSequence> sequences, CancellationToken cancellationToken)
        {
            Asked = sequences;
            return [.. sequences.Select(sequence => Enumerable.Range(sequence.First, sequence.Targets).Select(position => new TokenScore(-1, IsGreedy(position))).ToArray())];
        }
    }
}
