using Sleb.Core.Hub;
using Spectre.Console;

namespace Sleb.Cli.Output;

/// <summary>Shows a download from the hub, where there is one: what and how much first, then a bar on a terminal, lines elsewhere.</summary>
internal sealed class HubDisplay(CommandContext context, TimeProvider time, Action? beforeDownload)
{
    private readonly ResultLines _lines = new(context.Console);
    private ProgressTask? _bar;
    private long _spoke;

    public ModelSource Run(Func<Action<HubEvent>, ModelSource> find) => context.Console.Profile.Capabilities.Interactive ? RunLive(find) : find(next => Handle(next, null));

    private ModelSource RunLive(Func<Action<HubEvent>, ModelSource> find)
    {
        using var held = context.Diagnostics.Hold();
        return context.Console.Progress()
            .AutoClear(true)
            .Columns(new SpinnerColumn(), new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new DownloadedColumn(), new TransferSpeedColumn(), new RemainingTimeColumn())
            .Start(live => find(next => Handle(next, live)));
    }

    private void Handle(HubEvent next, ProgressContext? live)
    {
        switch (next)
        {
            case HubEvent.Planned planned:
                beforeDownload?.Invoke();
                Announce(planned);
                _bar = live?.AddTask("downloading", maxValue: planned.Bytes);
                _spoke = time.GetTimestamp();
                break;
            case HubEvent.Advanced advanced:
                Advance(advanced);
                break;
            case HubEvent.Retrying retrying:
                context.Diagnostics.Warning($"{retrying.Reason} The next attempt comes in {Numbers.Duration(retrying.Delay)}.");
                break;
            case HubEvent.Waiting waiting:
                _lines.Add("", $"waiting for another process that is downloading {waiting.File}");
                break;
            case HubEvent.Finished finished:
                _lines.Add("Downloaded", Paths.Short(finished.Folder));
                context.CancelledSentence = "Nothing was written but the model in the hub cache.";
                break;
        }
    }

    private void Announce(HubEvent.Planned planned)
    {
        context.CancelledSentence = "What was downloaded is kept; the same command goes on from there.";
        _lines.Add("Download", $"{planned.Id} at commit {planned.Commit}: {planned.Files} files, {Numbers.Bytes(planned.Bytes)}"
            + (planned.BytesKept > 0 ? $", {Numbers.Bytes(planned.BytesKept)} of it here already" : ""));
        _lines.Add("", $"from {planned.Endpoint} into {planned.CacheFolder}");
    }

    private void Advance(HubEvent.Advanced advanced)
    {
        if (_bar is not null) (_bar.Description, _bar.Value) = (Markup.Escape(advanced.File), advanced.Bytes);
        else if (time.GetElapsedTime(_spoke) > CountedProgress.Quiet)
        {
            _lines.Add("", $"{Numbers.Bytes(advanced.Bytes)} of {Numbers.Bytes(advanced.Total)}");
            _spoke = time.GetTimestamp();
        }
    }
}
