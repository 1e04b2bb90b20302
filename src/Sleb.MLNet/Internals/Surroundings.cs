using Microsoft.ML;
using Microsoft.ML.Runtime;

namespace Sleb.MLNet.Internals;

/// <summary>What an estimator takes from the MLContext it was made with.</summary>
internal sealed class Surroundings
{
    private readonly IHostEnvironment _environment;
    private readonly Func<int?> _gpuDeviceId;
    private readonly Func<bool> _isCanceled;

    public Surroundings(TransformsCatalog catalog)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        _environment = MLNetInternals.Environment(catalog);
        _gpuDeviceId = () => MLNetInternals.GpuDeviceId(_environment);
        _isCanceled = () => MLNetInternals.IsCanceled(_environment);
    }

    public Surroundings(MLContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        _environment = context;
        _gpuDeviceId = () => context.GpuDeviceId;
        _isCanceled = () => IsCanceled(context);
    }

    /// <summary>What MLContext.GpuDeviceId says now; null is the CPU.</summary>
    public int? GpuDeviceId => _gpuDeviceId();

    /// <summary>A channel to MLContext.Log.</summary>
    public IChannel StartChannel(string name) => _environment.Start(name);

    /// <summary>A token that is cancelled with <paramref name="token"/>, and by MLContext.CancelExecution.</summary>
    public CancelWatch WatchCancel(CancellationToken token) => new(_isCanceled, token);

    // An MLContext itself does not tell whether it was cancelled. The door without accessors must stay open under another
    // ML.NET: there the flag is just not seen, and the CancellationToken still works.
    private static bool IsCanceled(MLContext context)
    {
        try
        {
            return MLNetInternals.IsCanceled(MLNetInternals.Environment(context.Transforms));
        }
        catch (Exception e) when (e is MissingMemberException or TypeLoadException or InvalidCastException)
        {
            return false;
        }
    }
}
