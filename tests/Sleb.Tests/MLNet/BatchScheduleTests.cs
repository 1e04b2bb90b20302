using Sleb.MLNet.Scoring;

namespace Sleb.Tests.MLNet;

/// <summary>Which rows are completed together, and how far, without any model.</summary>
public class BatchScheduleTests
{
    private static readonly ScoringSettings Settings = new() { InputColumnName = "Text", OutputColumnName = "Completion", ScoreColumnName = null, BatchSize = 4 };

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Completions_are_those_of_single_rows_whatever_goes_together(bool rereadsExactly)
    {
        using var model = new InventedModel { RereadsExactly = rereadsExactly };
        var settings = Settings with { LookAhead = 16, MaxNewTokens = 20 };
        var random = new Random(7);
        var lengths = new ResponseLengths();
        for (int window = 0; window < 6; window++)
        {
            string[] prompts = [.. Enumerable.Range(0, CompletionWindow.Size(settings)).Select(_ => new string('a', random.Next(40)))];
            var completions = new CompletionWindow(prompts, settings, lengths);
            foreach (int row in Enumerable.Range(0, prompts.Length).OrderBy(_ => random.Next()))
                Assert.Equal(prompts[row][..Math.Min(20, prompts[row].Length)].ToUpperInvariant(), completions.Complete(row, model, _ => { }, TestContext.Current.CancellationToken));
        }
        Assert.All(model.Batches, batch => Assert.InRange(batch.Length, 1, 4));
        Assert.True(model.Batches.Count < 6 * 16 / 2, $"{model.Batches.Count} batches");
    }

    [Fact]
    public void A_row_that_fails_fails_as_itself()
    {
        using var model = new InventedModel();
        var window = new CompletionWindow(["one", "fails", "no tokens", "two"], Settings with { LookAhead = 4 }, new());
        string Complete(int row) => window.Complete(row, model, _ => { }, TestContext.Current.CancellationToken);
        Assert.Equal("ONE", Complete(0));
        Assert.Equal("fails", Assert.Throws<InvalidDataException>(() => Complete(1)).Message);
        Assert.Equal("no tokens", Assert.Throws<InvalidDataException>(() => Complete(2)).Message);
        Assert.Equal("TWO", Complete(3));
    }

    [Fact]
    public void Neighbours_in_expected_length_go_together()
    {
        var lengths = new ResponseLengths();
        for (int i = 0; i < ResponseLengths.Enough; i++)
        {
            lengths.Add(promptLength: 4, length: 30);
            lengths.Add(promptLength: 64, length: 3);
        }
        var schedule = new BatchSchedule(2, lengths, keepsWritten: true);
        for (int row = 0; row < 4; row++) schedule.Add(Row(row, promptLength: row % 2 == 0 ? 4 : 64));
        Assert.Equal([0, 2], schedule.Next(0).Rows.Select(row => row.Index));
        Assert.Equal([1, 3], schedule.Next(3).Rows.Select(row => row.Index));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_row_that_outgrows_its_batch_waits_for_another(bool keepsWritten)
    {
        var lengths = new ResponseLengths();
        for (int i = 0; i < 10; i++) lengths.Add(promptLength: 4, length: 2);
        var schedule = new BatchSchedule(4, lengths, keepsWritten);
        for (int row = 0; row < 4; row++) schedule.Add(Row(row, promptLength: 4));

        var (rows, steps) = schedule.Next(0);
        Assert.Equal((4, 2), (rows.Count, steps)); // and not the 64 that they may have
        Assert.Equal([0, 1, 2], schedule.Wrote(rows, steps, [[1], [], [1], [1, 1]]).Select(row => row.Index));

        (rows, steps) = schedule.Next(3);
        Assert.Equal([3], rows.Select(row => row.Index));
        Assert.Equal(keepsWritten ? (2, 62) : (0, 64), (rows[0].Written.Count, steps));
    }

    [Fact]
    public void Nine_of_ten_prompts_of_about_the_same_length_say_what_to_expect()
    {
        var lengths = new ResponseLengths();
        for (int length = 1; length < ResponseLengths.Enough; length++) lengths.Add(8, length);
        Assert.Equal(64, lengths.Expect(8, atLeast: 0, longest: 64)); // too few
        for (int length = ResponseLengths.Enough; length <= 20; length++) lengths.Add(8 + length % 8, length);
        Assert.Equal(18, lengths.Expect(15, atLeast: 0, longest: 64));
        Assert.Equal(12, lengths.Expect(15, atLeast: 0, longest: 12));
        Assert.Equal(19, lengths.Expect(15, atLeast: 10, longest: 64)); // of 11 to 20
        Assert.Equal(64, lengths.Expect(15, atLeast: 18, longest: 64));
        Assert.Equal(18, lengths.Expect(1000, atLeast: 0, longest: 64)); // no such prompt has been seen: of all
    }

    private static WaitingRow Row(int index, int promptLength) => new(index, new int[promptLength], limit: 64);
}
