using Sleb.Core.Evaluation;

namespace Sleb.Tests.Evaluation;

/// <summary>Are the error bars those of the textbooks?</summary>
public class StatisticsTests
{
    [Fact]
    public void Standard_error_and_interval_of_an_accuracy()
    {
        var accuracy = new Accuracy(8, 10);
        Assert.Equal(0.8, accuracy.Value);
        Assert.Equal(Math.Sqrt(0.8 * 0.2 / 9), accuracy.StandardError!.Value, 1e-12);
        Assert.Equal(0.4902, accuracy.Interval.Low, 5e-5); // Wilson's
        Assert.Equal(0.9433, accuracy.Interval.High, 5e-5);
        Assert.Equal((0.0, 0.0), (new Accuracy(0, 20).StandardError!.Value, new Accuracy(0, 20).Interval.Low));
        Assert.Equal(0.1611, new Accuracy(0, 20).Interval.High, 5e-5);
        Assert.Equal(1.0, new Accuracy(20, 20).Interval.High, 1e-12);
        Assert.Null(new Accuracy(1, 1).StandardError);
    }

    [Theory]
    [InlineData(10, 2, 2 * (1 + 12 + 66) / 4096.0)]
    [InlineData(2, 10, 2 * (1 + 12 + 66) / 4096.0)]
    [InlineData(0, 5, 2 / 32.0)]
    [InlineData(3, 3, 1)]
    [InlineData(0, 0, 1)]
    [InlineData(2600, 2400, 0.004877)] // the normal approximation with continuity correction
    public void McNemars_exact_test(int gained, int lost, double expected) =>
        Assert.Equal(expected, new PairedComparison(20_000, gained, lost).PValue, 1e-4);

    [Fact]
    public void Bootstrap_is_the_same_every_time_and_near_the_normal_interval()
    {
        var paired = new PairedComparison(1000, 60, 100);
        double error = Math.Sqrt((60 + 100) / 1000.0 - 0.04 * 0.04) / Math.Sqrt(1000);
        Assert.Equal(-0.04, paired.Difference, 1e-12);
        Assert.Equal(-0.04 - 1.96 * error, paired.Interval.Low, 0.0015);
        Assert.Equal(-0.04 + 1.96 * error, paired.Interval.High, 0.0015);
        Assert.Equal(paired.Interval, new PairedComparison(1000, 60, 100).Interval);
        Assert.Equal(new Interval(0, 0), new PairedComparison(50, 0, 0).Interval);
    }

    [Fact]
    public void Five_tasks_have_a_mean_and_four_have_none()
    {
        var tasks = FiveTaskMean.Tasks.Select((name, t) => Task(name, [.. Enumerable.Range(0, 10).Select(item => item < t + 3)])).ToList();
        var mean = FiveTaskMean.Of([.. tasks, Task("boolq", [true, true])], task => task.Accuracy)!;
        Assert.Equal(0.5, mean.Value, 1e-12);
        Assert.Equal(Math.Sqrt(tasks.Sum(task => Math.Pow(task.Accuracy.StandardError!.Value, 2))) / 5, mean.StandardError!.Value, 1e-12);
        Assert.Null(FiveTaskMean.Of(tasks[1..], task => task.Accuracy));
        var (difference, interval) = FiveTaskMean.Compare(tasks, [.. tasks.Select(task => Task(task.Task, [.. Enumerable.Repeat(false, 10)]))], item => item.IsCorrect);
        Assert.Equal(0.5, difference, 1e-12);
        Assert.InRange(0.5, interval.Low, interval.High);
    }

    [Fact]
    public void A_comparison_counts_the_items_that_differ_and_refuses_other_items()
    {
        var paired = PairedComparison.Of(Task("t", [true, true, false, false, true]), Task("t", [true, false, true, false, false]), item => item.IsCorrect);
        Assert.Equal(new(5, Gained: 2, Lost: 1), paired);
        Assert.Throws<ArgumentException>(() => PairedComparison.Of(Task("t", [true]), Task("t", [true, false]), item => item.IsCorrect));
        Assert.Throws<ArgumentException>(() => PairedComparison.Of(Task("t", [true]), Task("u", [true]), item => item.IsCorrect));
    }

    private static TaskScore Task(string name, bool[] right) => new(name, [.. right.Select((isRight, index) =>
        new ItemScore(index, isRight ? 0 : 1, [new(-1, 1, 1, false), new(-2, 1, 1, false)], IsCut: false))]);
}
