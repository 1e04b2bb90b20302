using System.Runtime.CompilerServices;
using Microsoft.ML;
using Microsoft.ML.Runtime;

namespace Sleb.MLNet.Internals;

/// <summary>
/// Everything that reaches into ML.NET's internals (Microsoft.ML 5.0.1), each accessor pinned by a test: what stands behind
/// <c>mlContext.Transforms</c> is not public. <c>new SlebPruneEstimator(mlContext, options)</c> works without any of it.
/// </summary>
internal static class MLNetInternals
{
    private const string CoreAssembly = "Microsoft.ML.Core";

    /// <summary>The environment of a catalog: the one its MLContext made it with.</summary>
    public static IHostEnvironment Environment(TransformsCatalog catalog) => EnvironmentField(catalog);

    /// <summary>What <c>MLContext.GpuDeviceId</c> is set to.</summary>
    public static int? GpuDeviceId(IHostEnvironment environment) => GetGpuDeviceId(environment);

    /// <summary>Whether <c>MLContext.CancelExecution</c> was called.</summary>
    public static bool IsCanceled(IHostEnvironment environment) => GetIsCanceled(environment);

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_env")]
    private static extern ref IHostEnvironment EnvironmentField(TransformsCatalog catalog);

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "get_GpuDeviceId")]
    private static extern int? GetGpuDeviceId(
        [UnsafeAccessorType($"Microsoft.ML.Runtime.IHostEnvironmentInternal, {CoreAssembly}")] object environment);

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "get_IsCanceled")]
    private static extern bool GetIsCanceled(
        [UnsafeAccessorType($"Microsoft.ML.Runtime.ICancelable, {CoreAssembly}")] object environment);
}
