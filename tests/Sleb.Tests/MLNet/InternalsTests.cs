using System.Reflection;
using Microsoft.ML;
using Microsoft.ML.Runtime;
using Sleb.MLNet.Internals;

namespace Sleb.Tests.MLNet;

/// <summary>Each way into ML.NET's internals still leads where it did (Microsoft.ML 5.0.1).</summary>
public sealed class InternalsTests
{
    [Fact]
    public void A_catalog_tells_the_environment_whose_log_is_the_contexts()
    {
        var ml = new MLContext();
        var lines = new List<string>();
        ml.Log += (_, e) => lines.Add($"{e.Kind} {e.Source} {e.RawMessage}");
        using (var channel = MLNetInternals.Environment(ml.Transforms).Start("Somewhere")) channel.Warning(MessageSensitivity.None, "heard");
        Assert.Contains("Warning Somewhere heard", lines);
    }

    [Fact]
    public void The_environment_tells_the_gpu()
    {
        var ml = new MLContext();
        Assert.Null(MLNetInternals.GpuDeviceId(MLNetInternals.Environment(ml.Transforms)));
        ml.GpuDeviceId = 3;
        Assert.Equal(3, MLNetInternals.GpuDeviceId(MLNetInternals.Environment(ml.Transforms)));
    }

    [Fact]
    public void The_environment_tells_that_it_was_cancelled()
    {
        var ml = new MLContext();
        Assert.False(MLNetInternals.IsCanceled(MLNetInternals.Environment(ml.Transforms)));
        Cancel(ml);
        Assert.True(MLNetInternals.IsCanceled(MLNetInternals.Environment(ml.Transforms)));
    }

    [Fact]
    public void Both_doors_see_the_same_surroundings()
    {
        foreach (var make in new Func<MLContext, Surroundings>[] { ml => new(ml), ml => new(ml.Transforms) })
        {
            var ml = new MLContext { GpuDeviceId = 2 };
            var log = new List<string>();
            ml.Log += (_, e) => log.Add(e.RawMessage);
            var surroundings = make(ml);
            Assert.Equal(2, surroundings.GpuDeviceId);
            using (var channel = surroundings.StartChannel("X")) channel.Info(MessageSensitivity.None, "a line");
            Assert.Contains("a line", log);

            using var watch = surroundings.WatchCancel(CancellationToken.None);
            Assert.False(watch.Token.IsCancellationRequested);
            Cancel(ml);
            Assert.True(watch.Token.WaitHandle.WaitOne(TimeSpan.FromSeconds(10)));
            using var late = surroundings.WatchCancel(CancellationToken.None);
            Assert.True(late.Token.IsCancellationRequested);
        }
    }

    [Fact]
    public void A_watch_follows_the_users_token()
    {
        using var source = new CancellationTokenSource();
        using var watch = new Surroundings(new MLContext()).WatchCancel(source.Token);
        Assert.False(watch.Token.IsCancellationRequested);
        source.Cancel();
        Assert.True(watch.Token.IsCancellationRequested);
    }

    internal static void Cancel(MLContext ml) =>
        typeof(MLContext).GetMethod("CancelExecution", BindingFlags.Instance | BindingFlags.NonPublic)!.Invoke(ml, null);
}
