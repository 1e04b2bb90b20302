using Sleb.Core.Checkpoints;
using Sleb.Core.Hub;

namespace Sleb.Tests.Hub;

/// <summary>Does a download survive a bad line, a cancel and a neighbour, with nothing half-written standing as finished?</summary>
public sealed class HubResumeTests : HubTest
{
    [Fact]
    public void A_connection_that_breaks_is_taken_up_where_it_broke()
    {
        Hub.Breaks.Enqueue(200_000);
        Hub.Breaks.Enqueue(100_000);
        string folder = Find();
        Assert.Equal(Hub.Files["model.safetensors"], File.ReadAllBytes(Path.Combine(folder, "model.safetensors")));
        Assert.Equal([null, "bytes=200000-", "bytes=300000-"], Hub.StorageRequests.Select(request => request.Range));
        Assert.Equal([TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1)], Pauses); // there was progress in between
        Assert.All(Events.OfType<HubEvent.Retrying>(), retrying => Assert.StartsWith($"The connection to {new Uri(Hub.Endpoint).Authority} broke while model.safetensors came (", retrying.Reason));
        Assert.False(File.Exists(Weights + ".incomplete"));
    }

    [Fact]
    public void It_gives_up_after_six_attempts_that_brought_nothing_and_goes_on_another_time()
    {
        Hub.Breaks.Enqueue(200_000);
        for (int i = 0; i < 6; i++) Hub.Breaks.Enqueue(0);
        var e = Assert.Throws<IOException>(() => Find());
        Assert.EndsWith("It was tried 6 times; what came before is kept, and the same call goes on from there.", e.Message);
        Assert.Equal([1, 2, 4, 8, 16], Pauses.Select(pause => pause.TotalSeconds));
        AssertNothingFinished(kept: 200_000);
        Hub.Breaks.Clear();
        Events.Clear();
        Find();
        Assert.Equal("bytes=200000-", Hub.StorageRequests[^1].Range);
        Assert.Equal((1, 200_000), (Events.OfType<HubEvent.Planned>().Single().Files, Events.OfType<HubEvent.Planned>().Single().BytesKept));
    }

    [Fact]
    public void A_cancel_keeps_what_came_and_finishes_nothing()
    {
        using var source = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        Assert.ThrowsAny<OperationCanceledException>(() => Find(also: next =>
        {
            if (next is HubEvent.Advanced { File: "model.safetensors" }) source.Cancel();
        }, cancellation: source.Token));
        long kept = new FileInfo(Weights + ".incomplete").Length;
        Assert.InRange(kept, 1, 499_999);
        AssertNothingFinished(kept);
        string folder = Find();
        Assert.Equal($"bytes={kept}-", Hub.StorageRequests[^1].Range);
        Assert.Equal(Hub.Files["model.safetensors"], File.ReadAllBytes(Path.Combine(folder, "model.safetensors")));
    }

    [Fact]
    public void A_server_without_ranges_begins_anew()
    {
        Hub.KnowsRanges = false;
        Hub.Breaks.Enqueue(200_000);
        string folder = Find();
        Assert.Equal([null, "bytes=200000-"], Hub.StorageRequests.Select(request => request.Range));
        Assert.Equal(Hub.Files["model.safetensors"], File.ReadAllBytes(Path.Combine(folder, "model.safetensors")));
    }

    [Theory]
    [InlineData(300_000)]
    [InlineData(500_000)]
    public void A_part_that_is_damaged_is_found_out_by_the_hash_and_deleted(int length)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Weights)!);
        File.WriteAllBytes(Weights + ".incomplete", new byte[length]);
        var e = Assert.Throws<CheckpointException>(() => Find());
        Assert.Equal($"The downloaded model.safetensors does not have the hash {Path.GetFileName(Weights)} that the hub announced, so it was deleted; try again.", e.Message);
        AssertNothingFinished(kept: null);
        Find();
        Assert.Null(Hub.StorageRequests[^1].Range);
    }

    [Fact]
    public void A_part_that_is_whole_or_too_long_needs_no_further_thought()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Weights)!);
        File.WriteAllBytes(Weights + ".incomplete", Hub.Files["model.safetensors"]);
        Find();
        Assert.Empty(Hub.StorageRequests); // it lacked its name alone
        File.WriteAllBytes(Weights + ".incomplete", new byte[600_000]);
        File.Delete(Weights);
        string folder = Find();
        Assert.Equal(Hub.Files["model.safetensors"], File.ReadAllBytes(Path.Combine(folder, "model.safetensors")));
    }

    [Fact]
    public void More_than_announced_is_refused()
    {
        Hub.InterceptStorage = context =>
        {
            FakeHub.Send(context, Content(500_001, seed: 1));
            return true;
        };
        Assert.Contains("more of model.safetensors than the 500000 bytes", Assert.Throws<CheckpointException>(() => Find()).Message);
        AssertNothingFinished(kept: 0);
    }

    [Fact]
    public void A_small_file_with_another_content_is_refused_too()
    {
        byte[] other = [.. Hub.Files["config.json"]];
        other[^2] ^= 1;
        Hub.Intercept = context =>
        {
            if (context.Request.HttpMethod != "GET" || !context.Request.RawUrl!.EndsWith("/config.json", StringComparison.Ordinal)) return false;
            FakeHub.Send(context, other);
            return true;
        };
        Assert.Contains("The downloaded config.json does not have the hash", Assert.Throws<CheckpointException>(() => Find()).Message);
        Assert.Empty(Directory.GetFiles(Path.Combine(Model, "blobs")));
    }

    [Fact]
    public void A_busy_hub_is_asked_again_when_it_says()
    {
        int refusals = 0;
        Hub.Intercept = context =>
        {
            if (refusals++ >= 2) return false;
            context.Response.AddHeader("Retry-After", "7");
            FakeHub.Refuse(context, refusals == 1 ? 429 : 503);
            return true;
        };
        Find();
        Assert.Equal([7, 7], Pauses.Select(pause => pause.TotalSeconds));
    }

    [Fact]
    public void Storage_that_refuses_an_old_address_is_asked_by_a_new_one()
    {
        int refusals = 0;
        Hub.InterceptStorage = context =>
        {
            if (refusals++ > 0) return false;
            FakeHub.Refuse(context, 403);
            return true;
        };
        Find();
        Assert.Equal(2, Hub.Requests.Count(request => request.Method == "GET" && request.Path.EndsWith("/model.safetensors", StringComparison.Ordinal)));
    }

    [Fact]
    public void A_silent_connection_counts_as_broken()
    {
        var time = new StoppedTime();
        Settings = Settings with { Time = time };
        using var ended = new ManualResetEventSlim();
        Hub.InterceptStorage = context =>
        {
            if (ended.IsSet) return false;
            context.Response.ContentLength64 = 500_000;
            context.Response.OutputStream.Write(Hub.Files["model.safetensors"], 0, 100_000);
            context.Response.OutputStream.Flush();
            ended.Set();
            time.PassAMinute();
            return true; // and never another byte
        };
        string folder = Find();
        Assert.Contains("nothing came for 60 seconds", Assert.Single(Events.OfType<HubEvent.Retrying>()).Reason);
        Assert.Equal(Hub.Files["model.safetensors"], File.ReadAllBytes(Path.Combine(folder, "model.safetensors")));
    }

    [Fact]
    public void While_another_process_fetches_a_file_this_one_waits_and_takes_it()
    {
        string path = Path.Combine(Cache, ".locks", "models--org--tiny", Path.GetFileName(Weights) + ".lock");
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        var other = new FileStream(path, FileMode.Create, FileAccess.ReadWrite, FileShare.None);
        Settings = Settings with
        {
            Pause = (delay, _) =>
            {
                Pauses.Add(delay);
                if (Pauses.Count == 3)
                {
                    File.WriteAllBytes(Weights, Hub.Files["model.safetensors"]);
                    other.Dispose();
                }
                return Task.CompletedTask;
            },
        };
        string folder = Find();
        Assert.Equal(3, Pauses.Count);
        Assert.Equal("model.safetensors", Assert.Single(Events.OfType<HubEvent.Waiting>()).File);
        Assert.Empty(Hub.StorageRequests);
        Assert.Equal(Hub.Files["model.safetensors"], File.ReadAllBytes(Path.Combine(folder, "model.safetensors")));
    }

    [Fact]
    public async Task Calls_at_once_fetch_every_file_once()
    {
        Settings = Settings with { Pause = (_, token) => Task.Delay(1, token) };
        string[] folders = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() => ModelSource.Find("org/tiny", () => Settings, null, Cancellation).Folder)));
        Assert.Single(folders.Distinct());
        Assert.Single(Hub.StorageRequests);
        Assert.Equal(Hub.Files["model.safetensors"], File.ReadAllBytes(Path.Combine(folders[0], "model.safetensors")));
    }

    private void AssertNothingFinished(long? kept)
    {
        Assert.False(File.Exists(Weights));
        Assert.False(Path.Exists(Path.Combine(Model, "snapshots", FakeHub.Commit('a'), "model.safetensors")));
        Assert.False(Directory.Exists(Path.Combine(Model, "refs")));
        Assert.Equal(kept, File.Exists(Weights + ".incomplete") ? new FileInfo(Weights + ".incomplete").Length : null);
    }
}
